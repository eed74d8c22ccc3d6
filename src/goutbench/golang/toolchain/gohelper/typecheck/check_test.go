package typecheck

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"goutbench/gohelper/packages"
)

const good = "package toy\n\nimport \"testing\"\n\nfunc TestClamp(t *testing.T) { must(t, Clamp(1) == 1) }\n"

func files() map[string]string {
	return map[string]string{
		"go.mod":                      "module example.com/m\n\ngo 1.22\n",
		"toy/toy.go":                  "package toy\n\ntype Toy struct{ name string }\n\nfunc Clamp(x int) int { return x }\n\nfunc size(s string) int { return len(s) }\n",
		"toy/export_test.go":          "package toy\n\nfunc Secret(t Toy) string { return t.name }\n",
		"toy/helper_test.go":          "package toy\n\nimport \"testing\"\n\nfunc must(t *testing.T, ok bool) {}\n",
		"toy/use_test.go":             "package toy\n\nimport \"testing\"\n\nfunc TestUse(t *testing.T) { must(t, true) }\n",
		"shop/shop.go":                "package shop\n\nimport \"example.com/m/toy\"\n\nfunc Sell() toy.Toy { return toy.Toy{} }\n",
		"other/internal/deep/deep.go": "package deep\n",
		"tool/main.go":                "package main\n\nfunc main() {}\n",
		"broken/broken.go":            "package broken\n\nvar _ = nothing\n",
	}
}

// newChecker returns a checker for the module of files, and a function that checks a candidate in the folder toy.
func newChecker(t *testing.T, flags ...string) (*Checker, func(req Request) Result) {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files() {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	root := t.TempDir()
	if err := os.CopyFS(root, tree); err != nil {
		t.Fatal(err)
	}
	module, err := packages.New(root, "go", "", flags)
	if err != nil {
		t.Fatal(err)
	}
	checker := NewChecker(module)
	return checker, func(req Request) Result {
		t.Helper()
		if req.Dir == "" {
			req.Dir = "toy"
		}
		if req.Name == "" {
			req.Name = "toy_test.go"
		}
		req.Dir = filepath.Join(root, req.Dir)
		result := checker.Check(&req)
		if result.Need {
			if err := module.Load(req.Dir, req.Name, req.Source); err != nil {
				t.Fatal(err)
			}
			result = checker.Check(&req)
		}
		return result
	}
}

func kinds(result Result) (kinds []string) {
	for _, diagnostic := range result.Errors {
		kinds = append(kinds, diagnostic.Kind)
	}
	return kinds
}

func TestAPackageIsLoadedFirst(t *testing.T) {
	checker, _ := newChecker(t)
	if got := checker.Check(&Request{Dir: "/nowhere", Name: "x_test.go"}); !got.Need {
		t.Errorf("%+v", got)
	}
}

func TestAGoodCandidateHasNoErrors(t *testing.T) {
	_, check := newChecker(t)
	got := check(Request{Source: []byte(good)})
	want := Result{Tests: []string{"TestClamp"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestErrorsHaveKindsAndPositions(t *testing.T) {
	_, check := newChecker(t)
	for addition, want := range map[string]string{
		"func f() { x := 1 }":                         "unused-variable",
		"var _ = nothing":                             "undefined",
		"var _ string = 1":                            "mismatched-types",
		"func must() {}":                              "redeclared",
		"func TestOther(x int) {}":                    "bad-test-signature",
		"func TestOther[T any](t *testing.T) {}":      "bad-test-signature",
		"func FuzzOther(t *testing.T) {}":             "bad-test-signature",
		"func TestMain(t int) {}":                     "bad-test-signature",
		"func f() { if }":                             "syntax",
		"var _ = `\x00`":                              "not-unicode",
		"func f()":                                    "syntax",
		"//go:noinline\nvar x = 1":                    "syntax",
		"//go:embed x.txt\nvar x string":              "bad-embed",
		"//go:linkname f\nfunc f()":                   "syntax",
		"//go:systemstack\nfunc f() {}":               "syntax",
		"//line a.go:0\nvar x = 1":                    "syntax",
		"var x [1 << 60]byte":                         "other",
		"func len(x bool) bool { return x }":          "mismatched-types",
		"import _ \"C\"":                              "syntax",
		"func f[T any]() {}\n\nfunc g() { f() }":      "bad-instantiation",
		"func f(x int) int { if x > 0 { return 1 } }": "missing-return",
	} {
		got := check(Request{Source: []byte(good + "\n" + addition + "\n")})
		if len(got.Errors) == 0 || got.Errors[0].Kind != want || got.Errors[0].Line < 1 || got.Infra != "" {
			t.Errorf("%s: %+v, want %s", addition, got, want)
		}
	}
}

func TestImportsFollowTheRulesOfTheGoCommand(t *testing.T) {
	_, check := newChecker(t)
	for path, want := range map[string]string{
		"no/such/package": "missing-package", "-toolexec=x": "missing-package", "./x": "missing-package", "C": "cgo",
		"example.com/m/shop": "import-cycle", "example.com/m/tool": "missing-package",
		"example.com/m/other/internal/deep": "internal-package", "internal/abi": "internal-package", "bufio": "unused-import",
	} {
		source := strings.Replace(good, `import "testing"`, `import "testing"`+"\nimport x \""+path+`"`, 1)
		if got := kinds(check(Request{Source: []byte(source)})); len(got) == 0 || got[0] != want {
			t.Errorf("import %q: %q, want %q", path, got, want)
		}
	}
}

func TestAnExternalTestImportsThePackageWithItsInternalTestFiles(t *testing.T) {
	_, check := newChecker(t)
	source := "package toy_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/shop\"\n\t\"example.com/m/toy\"\n)\n\n" +
		"func TestSecret(t *testing.T) { _ = toy.Secret(shop.Sell()) }\n"
	if got := check(Request{Source: []byte(source)}); len(got.Errors) > 0 || !got.External || got.Infra != "" {
		t.Errorf("%+v", got)
	}
	removed := check(Request{Source: []byte(source), Removed: []string{"export_test.go"}})
	if got := kinds(removed); !slices.Equal(got, []string{"undefined"}) {
		t.Errorf("without export_test.go: %q", got)
	}
	wrong := strings.Replace(source, "package toy_test", "package other", 1)
	if got := kinds(check(Request{Source: []byte(wrong)})); !slices.Equal(got, []string{"wrong-package"}) {
		t.Errorf("package other: %q", got)
	}
}

func TestRemovedTestFilesDoNotDeclareTheirHelpers(t *testing.T) {
	_, check := newChecker(t)
	got := check(Request{Source: []byte(good), Removed: []string{"helper_test.go"}})
	if !slices.Equal(kinds(got), []string{"undefined", "undefined"}) || got.Errors[1].File != "use_test.go" {
		t.Errorf("%+v", got)
	}
	own := good + "\nfunc must(t *testing.T, ok bool) {}\n"
	if got := check(Request{Source: []byte(own), Name: "helper_test.go"}); len(got.Errors) > 0 {
		t.Errorf("a candidate replaces the file of its name: %+v", got)
	}
}

func TestBuildConstraintsExcludeACandidate(t *testing.T) {
	tagged := []byte("//go:build special\n\n" + good)
	_, check := newChecker(t)
	if got := check(Request{Source: tagged}); !got.Excluded || got.Tests != nil || len(got.Errors) > 0 {
		t.Errorf("%+v", got)
	}
	_, check = newChecker(t, "-tags=special")
	if got := check(Request{Source: tagged}); got.Excluded || len(got.Tests) != 1 {
		t.Errorf("with the tag: %+v", got)
	}
}

func TestAPackageThatDoesNotBuildIsNoErrorOfTheCandidate(t *testing.T) {
	_, check := newChecker(t)
	got := check(Request{Dir: "broken", Source: []byte("package broken\n")})
	if !strings.Contains(got.Infra, "does not build without the candidate") || len(got.Errors) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestAnswersDoNotDependOnEarlierCandidates(t *testing.T) {
	_, check := newChecker(t)
	sources := []string{good, good + "var _ = nothing\n", "package toy_test\n", "package toy\n"}
	var first []Result
	for _, source := range sources {
		first = append(first, check(Request{Source: []byte(source)}))
	}
	for i := len(sources) - 1; i >= 0; i-- {
		if got := check(Request{Source: []byte(sources[i])}); !reflect.DeepEqual(got, first[i]) {
			t.Errorf("%q: %+v, then %+v", sources[i], first[i], got)
		}
	}
}

func TestADiagnosticsLimit(t *testing.T) {
	_, check := newChecker(t)
	got := check(Request{Source: []byte(good + strings.Repeat("var _ = nothing\n", 2*maxDiagnostics))})
	if len(got.Errors) != maxDiagnostics {
		t.Errorf("%d diagnostics, want %d", len(got.Errors), maxDiagnostics)
	}
}

func TestNamesOfTests(t *testing.T) {
	for name, want := range map[string]bool{"Test": true, "TestA": true, "Test_a": true, "Testimony": false, "Tes": false} {
		if got := isTest(name, "Test"); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestPatternsOfEmbed(t *testing.T) {
	if got := embedPatterns(" a \"b c\" `d`"); !slices.Equal(got, []string{"a", "b c", "d"}) {
		t.Errorf("%q", got)
	}
	for _, pattern := range []string{"../x", "/x", "[", ""} {
		if embedProblem(".", pattern) != "invalid pattern syntax" {
			t.Errorf("%q is an invalid pattern", pattern)
		}
	}
	if embedProblem(".", "*.go") != "" || embedProblem(".", "*.none") == "" {
		t.Error("a pattern has to match a file")
	}
}

func TestNamesAreThoseThatGoTestRuns(t *testing.T) {
	source := `package toy

import "testing"

func ExampleToy() {
	// Output: last

	// no output
}

func ExampleClamp() {
	println(1)
	// Output:
	// 1
}

func ExampleToy_silent() {
	// output:
}

func ExampleToy_any() {
	/* Unordered Output: 1 */
}

func ExampleToy_none()      { println("Output:") }
func ExampleToy_arg(x int)  { /* Output: */ }
func ExampleToy_result() int {
	return 1
	// Output: 1
}
func Examples() {
	// Output:
}
func FuzzToy(f *testing.F)      {}
func Fuzzy(f *testing.F)        {}
func BenchmarkToy(b *testing.B) {}
func TestToy(t *testing.T)      {}
func Testify(t *testing.T)      {}
func (Toy) TestB(t *testing.T)  {}
func (Toy) ExampleB() {
	// Output:
}
`
	_, check := newChecker(t)
	result := check(Request{Source: []byte(source)})
	want := []string{"FuzzToy", "TestToy", "ExampleClamp", "ExampleToy_silent", "ExampleToy_any"}
	if !slices.Equal(result.Tests, want) {
		t.Errorf("got %v, want %v; %v", result.Tests, want, result.Errors)
	}
}
