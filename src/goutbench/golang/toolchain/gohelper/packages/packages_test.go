package packages

import (
	"go/ast"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// newModule writes files as a module and returns it, without any packages loaded.
func newModule(t *testing.T, files map[string]string, flags ...string) (*Module, string) {
	t.Helper()
	tree := fstest.MapFS{"go.mod": {Data: []byte("module example.com/m\n\ngo 1.24\n")}}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	root := t.TempDir()
	if err := os.CopyFS(root, tree); err != nil {
		t.Fatal(err)
	}
	module, err := New(root, "go", "", flags)
	if err != nil {
		t.Fatal(err)
	}
	return module, root
}

func TestRootIsTheNearestFolderWithGoMod(t *testing.T) {
	_, root := newModule(t, map[string]string{"a/b/b.go": "package b\n"})
	if got := Root(filepath.Join(root, "a", "b")); got != root {
		t.Errorf("Root = %q, want %q", got, root)
	}
	if got := Root("/"); got != "" {
		t.Errorf("Root of / = %q, want none", got)
	}
}

func TestOnlyPathsOfSinglePackagesAreAskedAbout(t *testing.T) {
	for _, path := range []string{"fmt", "example.com/m/v2", "net/http"} {
		if !isSinglePackage(path) {
			t.Errorf("%q is a package", path)
		}
	}
	for _, path := range []string{"", "C", "all", "std", "./x", "../x", "/x", "x/", "-toolexec=x", "x/...", "x@v1", "a b", "x\n"} {
		if isSinglePackage(path) {
			t.Errorf("%q is no package", path)
		}
	}
}

func TestInternalPackagesAreVisibleBelowTheirParent(t *testing.T) {
	inner := &Package{ImportPath: "m/a/internal/x"}
	for path, want := range map[string]bool{"m/a": true, "m/a/b": true, "m/ab": false, "m": false} {
		if got := inner.VisibleFrom(&Package{ImportPath: path}); got != want {
			t.Errorf("visible from %s: %v, want %v", path, got, want)
		}
	}
	if !(&Package{ImportPath: "m/x"}).VisibleFrom(&Package{ImportPath: "n"}) {
		t.Error("other packages are visible everywhere")
	}
	if (&Package{ImportPath: "internal/abi"}).VisibleFrom(&Package{ImportPath: "n"}) {
		t.Error("the standard library's internal packages are visible to it alone")
	}
}

func TestLanguageIsThatOfGoMod(t *testing.T) {
	for version, want := range map[string]string{"": "", "1.24": "go1.24", "1.24.3": "go1.24", "1": "go1"} {
		p := &Package{Module: &struct{ GoVersion string }{version}}
		if got := p.Language(); got != want {
			t.Errorf("language of %q: %q, want %q", version, got, want)
		}
	}
	if got := (&Package{}).Language(); got != "" {
		t.Errorf("language without a module: %q", got)
	}
}

func TestBuildTagsComeFromTheFlags(t *testing.T) {
	for _, test := range []struct{ flags, want []string }{
		{nil, nil},
		{[]string{"-mod=vendor"}, nil},
		{[]string{"-tags=a,b"}, []string{"a", "b"}},
		{[]string{"--tags", "a b"}, []string{"a", "b"}},
		{[]string{"-tags=a", "-tags=b"}, []string{"b"}},
	} {
		if got := BuildTags(test.flags); !reflect.DeepEqual(got, test.want) {
			t.Errorf("tags of %q: %q, want %q", test.flags, got, test.want)
		}
	}
}

func TestMatchesAppliesNameConstraintAndTags(t *testing.T) {
	plain, _ := newModule(t, nil)
	tagged, _ := newModule(t, nil, "-tags=special")
	for _, test := range []struct {
		module       *Module
		name, source string
		want         bool
	}{
		{plain, "/x/a_test.go", "package a\n", true},
		{plain, "/x/a_plan9_test.go", "package a\n", false},
		{plain, "/x/a_test.go", "//go:build special\n\npackage a\n", false},
		{tagged, "/x/a_test.go", "//go:build special\n\npackage a\n", true},
		{plain, "/x/a_test.go", "/* not closed", true},
	} {
		if got := test.module.Matches(test.name, []byte(test.source)); got != test.want {
			t.Errorf("%s %q: %v, want %v", test.name, test.source, got, test.want)
		}
	}
}

func TestAFileWithoutBodiesDeclaresTheSameAndTypeChecks(t *testing.T) {
	module, _ := newModule(t, nil)
	source := "package a\n\nfunc init() { println(f()) }\n\nfunc f() int { return nothing }\n\nvar x = f()\n"
	f := module.ParseSource("a.go", []byte(source))
	hollow := f.WithoutBodies()
	if len(hollow.Decls) != len(f.Syntax.Decls) || f.WithoutBodies() != hollow {
		t.Error("the file without bodies has other declarations, or is not cached")
	}
	var errors []string
	conf := module.Config(&Package{}, nil, func(err types.Error) { errors = append(errors, err.Msg) })
	for file, want := range map[string]int{"with": 1, "without": 0} {
		errors = nil
		tree := hollow
		if file == "with" {
			tree = f.Syntax
		}
		conf.Check("a", module.Fset, []*ast.File{tree}, nil)
		if len(errors) != want {
			t.Errorf("%s bodies: %q", file, errors)
		}
	}
}

func TestSyntaxErrorsHaveKindsAndPositions(t *testing.T) {
	module, _ := newModule(t, nil)
	for source, want := range map[string]string{
		"package a\nfunc f() { if }\n": "syntax", "package a\nvar _ = `\x00`\n": "not-unicode",
		"package a\nvar _ = \"\xff\"\n": "not-unicode",
	} {
		got := SyntaxDiagnostics(module.ParseSource("/x/a.go", []byte(source)).Err)[0]
		if got.Kind != want || got.Rung != Syntax || got.File != "a.go" || got.Line != 2 || got.Column < 1 {
			t.Errorf("%q: %+v, want kind %s", source, got, want)
		}
	}
}

func TestLoadingADirectoryLoadsTheImportsOfItsTests(t *testing.T) {
	module, root := newModule(t, map[string]string{
		"a/a.go": "package a\n", "a/a_test.go": "package a\n\nimport _ \"example.com/m/b\"\n",
		"b/b.go": "package b\n\nimport _ \"example.com/m/c\"\n", "c/c.go": "package c\n",
	})
	dir := filepath.Join(root, "a")
	if module.At(dir) != nil {
		t.Fatal("the package is loaded already")
	}
	if err := module.LoadDirs([]string{dir}); err != nil {
		t.Fatal(err)
	}
	p := module.At(dir)
	if p == nil || p.Name != "a" || module.Package("example.com/m/c") == nil {
		t.Fatal("the package or an import of its tests is not loaded")
	}
	if !module.Reaches("example.com/m/b", "example.com/m/c") || module.Reaches("example.com/m/c", "example.com/m/b") {
		t.Error("b imports c, and c imports nothing")
	}
	if got := module.Unknown(p, []string{"example.com/m/b", "C", "unsafe", "example.com/m/none", "..."}); len(got) != 1 {
		t.Errorf("unknown: %q", got)
	}
	if !strings.Contains(module.Missing("..."), "malformed import path") {
		t.Errorf("missing: %q", module.Missing("..."))
	}
	if err := module.Load(dir, "x_test.go", []byte("package a\n\nimport _ \"example.com/m/none\"\n")); err != nil {
		t.Fatal(err)
	}
	if none := module.Package("example.com/m/none"); none == nil || none.Problem() == "" {
		t.Error("a package that does not exist has a problem")
	}
}
