package mutation

import (
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"goutbench/gohelper/packages"
)

// loadModule writes files as a module and loads all their folders.
func loadModule(t *testing.T, files map[string]string) (*packages.Module, string) {
	t.Helper()
	tree := fstest.MapFS{"go.mod": {Data: []byte("module example.com/m\n\ngo 1.24\n")}}
	root := t.TempDir()
	dirs := map[string]bool{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
		dirs[filepath.Join(root, filepath.Dir(name))] = true
	}
	if err := os.CopyFS(root, tree); err != nil {
		t.Fatal(err)
	}
	module, err := packages.New(root, "go", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for dir := range dirs {
		list = append(list, dir)
	}
	if err := module.LoadDirs(list); err != nil {
		t.Fatal(err)
	}
	return module, root
}

func changes(source string, plan Plan, operator string) (texts []string) {
	for _, mutant := range plan.Mutants {
		if mutant.Operator == operator {
			texts = append(texts, source[mutant.Start:mutant.End]+" → "+mutant.Replacement)
		}
	}
	return texts
}

func planOf(module *packages.Module, dir string) Plan {
	return NewPlan(module, &Request{Dir: dir, Name: "a.go", Switch: "Switch", Env: "SWITCH", Key: "00ff"})
}

const source = `package a

import (
	"fmt"
	"strings"
)

type T struct{ n int }

func (t *T) Add(n int) int {
	t.n += n
	return t.n
}

func Join(words []string) string {
	text := strings.ToUpper(strings.Join(words, ","))
	for i, word := range words {
		if i > 3 && word != "" {
			text = fmt.Sprint(text, i)
			break
		}
	}
	return text
}
`

func TestSchemataAndSupportTypeCheckAndContainEveryMutant(t *testing.T) {
	module, root := loadModule(t, map[string]string{"a.go": source})
	plan := planOf(module, root)
	if plan.Reason != "" || len(plan.NotViable) > 0 || len(plan.Mutants) < 15 {
		t.Fatalf("%+v", plan)
	}
	for i, mutant := range plan.Mutants {
		if mutant.ID != i+1 {
			t.Errorf("mutant %d has id %d", i, mutant.ID)
		}
		if !strings.Contains(string(plan.Schemata), fmt.Sprintf("Switch == %d", mutant.ID)) {
			t.Errorf("mutant %d is not behind the switch", mutant.ID)
		}
	}
	for name, text := range map[string][]byte{"a.go": plan.Schemata, plan.SupportName: plan.Support} {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checked, err := packages.New(root, "go", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := checked.LoadDirs([]string{root}); err != nil {
		t.Fatal(err)
	}
	if problem := checked.At(root).Problem(); problem != "" {
		t.Errorf("the schemata do not build: %s", problem)
	}
}

func TestThePlanIsTheSameEveryTime(t *testing.T) {
	module, root := loadModule(t, map[string]string{"a.go": source})
	first := planOf(module, root)
	for range 3 {
		if again := planOf(module, root); !reflect.DeepEqual(first, again) {
			t.Fatal("two calls return different plans")
		}
	}
}

func TestPositionsAndFunctionsOfMutants(t *testing.T) {
	module, root := loadModule(t, map[string]string{"a.go": source})
	for _, mutant := range planOf(module, root).Mutants {
		if source[mutant.Start:mutant.End] == "+=" {
			if mutant.Function != "(*T).Add" || mutant.Line != 11 || mutant.Column != 6 || mutant.EndColumn != 8 {
				t.Errorf("%+v", mutant)
			}
			return
		}
	}
	t.Error("+= has no mutant")
}

func TestFilesWithoutMutantsHaveAReason(t *testing.T) {
	files := map[string]string{
		"excluded/a.go": "//go:build plan9\n\npackage a\n", "excluded/b.go": "package a\n",
		"undefined/a.go": "package a\n\nvar x = nothing\n",
		"syntax/a.go":    "package a\n\nfunc {\n",
	}
	module, root := loadModule(t, files)
	for dir, want := range map[string]string{
		"excluded": "build constraints exclude the focal file", "undefined": "undefined: nothing", "syntax": "expected",
	} {
		if got := planOf(module, filepath.Join(root, dir)); !strings.Contains(got.Reason, want) || got.Mutants != nil {
			t.Errorf("%s: reason %q, want %q", dir, got.Reason, want)
		}
	}
	if got := planOf(module, filepath.Join(root, "not loaded")); !got.Need {
		t.Error("a package that is not loaded has to be loaded first")
	}
}

func TestMutantsThatDoNotCompileHaveAReason(t *testing.T) {
	tests := map[string]string{
		"func f(x int) { switch x { case 1: case 2: } }":          "duplicate case",
		"func f(x [4]int) int { return x[3] }":                    "out of bounds",
		"func f(x uint8) bool { return x == 255 }":                "overflows",
		"func f() int { return 1 + recover().(int) }":             "recover()",
		"//go:nosplit\nfunc f(x int) int { return x + 1 }":        "directive",
		"func f() int { if true { return 1 }; panic(\"never\") }": "missing return",
	}
	files, dirs := map[string]string{}, map[string]string{}
	for code := range tests {
		dirs[code] = fmt.Sprint(len(dirs))
		files[dirs[code]+"/a.go"] = "package a\n\n" + code + "\n"
	}
	module, root := loadModule(t, files)
	for code, want := range tests {
		var reasons []string
		for _, mutant := range planOf(module, filepath.Join(root, dirs[code])).NotViable {
			reasons = append(reasons, mutant.Reason)
		}
		if !strings.Contains(strings.Join(reasons, "\n"), want) {
			t.Errorf("%s: %q, want %q", code, reasons, want)
		}
	}
}

func TestRemovedCodeStillUsesItsVariablesAndImports(t *testing.T) {
	code := "package a\n\nimport \"fmt\"\n\nfunc f(x int) {\n\ty := x\n\tfmt.Println(y)\n}\n"
	module, root := loadModule(t, map[string]string{"a.go": code})
	want := []string{"fmt.Println(y) → _ = y; _ = fmt.Println"}
	if got := changes(code, planOf(module, root), "statement-removal"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPackagesBelowOSHaveNoStepsAndDoNotImportIt(t *testing.T) {
	module, root := loadModule(t, map[string]string{"a.go": "package a\n\nfunc f(n int) int { return n + 1 }\n"})
	m := &mutator{module: module, p: module.At(root), variable: "Switch", aliases: map[string]string{}}
	if problem := m.prepare(filepath.Join(root, "a.go")); problem != "" || len(m.steps) != 1 {
		t.Fatalf("problem %q, steps %v", problem, m.steps)
	}
	if text := m.support("ENV", "0"); !strings.Contains(text, `import "os"`) || !strings.Contains(text, "os.Exit(97)") {
		t.Errorf("support of an ordinary package:\n%s", text)
	}
	below := &mutator{module: module, p: module.Package("errors"), variable: "Switch"}
	if text := below.support("ENV", "0"); strings.Contains(text, `"os"`) || !below.belowOS() {
		t.Errorf("support of a package that os imports:\n%s", text)
	}
}

func TestASiteIsCopiedUnlessTheMutantReplacesItAll(t *testing.T) {
	for _, test := range []struct {
		mutant mutant
		want   int
	}{
		{mutant{form: asBody, start: 12, end: 18, from: 10, to: 20}, 0},
		{mutant{form: asStatement, start: 10, end: 20, from: 10, to: 20}, 0},
		{mutant{form: asStatement, start: 12, end: 20, from: 10, to: 20}, 10},
		{mutant{form: asValue, start: 10, end: 20, from: 10, to: 20, typ: types.Typ[types.Int]}, 10},
	} {
		if got := test.mutant.copied(); got != test.want {
			t.Errorf("%+v copies %d bytes, want %d", test.mutant, got, test.want)
		}
	}
}

func TestMutantsThatTypesProveEquivalentAreNotBehindTheSwitch(t *testing.T) {
	tests := map[string]struct {
		code string
		want []string // "original → replacement: proof"
	}{
		"map-hint":            {"func f(n int) map[int]int { return make(map[int]int, n-1) }", []string{"- → +: " + provedCapacity, "1 → 2: " + provedCapacity}},
		"map-hint-of-lengths": {"func f(s, t []int) map[int]int { return make(map[int]int, len(s)+len(t)) }", []string{"+ → -: " + provedCapacity}},
		"grow": {"import \"strings\"\nfunc f(s string) string { var b strings.Builder; b.Grow(8); b.WriteString(s); return b.String() }",
			[]string{"b.Grow(8) → : " + provedCapacity, "8 → 9: " + provedCapacity}},
		"grow-by-length": {"import \"strings\"\nfunc f(s string) string { var b strings.Builder; b.Grow(len(s)); return b.String() }",
			[]string{"b.Grow(len(s)) → : " + provedCapacity}},
		"length-is-not-negative": {"func f(s []int) bool { return len(s) > -1 }", []string{"> → >=: " + provedRange}},
		"maximum":                {"func f(a, b int) int { if a < b { a = b }; return a }", []string{"< → <=: " + provedEqual}},
		"length-of-new":          {"func f(n int, s string) int { if l := len(s); l > n { n = l }; return n }", []string{"> → >=: " + provedEqual}},
		"returned-minimum":       {"func f(a, b string) string { if a < b { return a }; return b }", []string{"< → <=: " + provedEqual}},
		"either":                 {"func f(a, b int) (c int) { if a > b { c = a } else { c = b }; return }", []string{"> → >=: " + provedEqual}},
		"unequal":                {"func f(a, b float64) bool { if a != b { return b < a }; return true }", []string{"< → <=: " + provedUnequal}},
		"unequal-else":           {"func f(a int) { if a == 0 { f(1) } else if a < 0 { f(2) } }", []string{"< → <=: " + provedUnequal}},
		"first-part":             {"import \"strings\"\nfunc f(s string) string { return strings.SplitN(s, \"=\", 2)[0] }", []string{"2 → 3: " + provedFirst}},
		"nothing":                {"type t struct{}\nfunc (t) log(int) {}\nvar v t\nfunc f(n int) { v.log(n); v.log(g()) }\nfunc g() int { return 1 }", []string{"v.log(n) → : " + provedNothing}},
		"no-send":                {"func f() { c := make(chan int); go func() { close(c) }(); <-c }", []string{" → , 1: " + provedNoSend}},
		"nil-and-empty": {"func f(m map[int]int) bool { return m != nil && len(m) > 0 }",
			[]string{"m != nil → (m != nil || true): " + provedEmpty}},
		"nil-and-empty-in-parentheses": {"func f(s []int) bool { return s != nil && (len(s)) > 0 }",
			[]string{"s != nil → (s != nil || true): " + provedEmpty}},
		"nil-or-empty": {"func f(s []int) bool { return s == nil || len(s) == 0 }", []string{"s == nil → (s == nil && false): " + provedEmpty}},
		"nil-loop":     {"func f(s []int) { if s != nil { for i := range s { f(s[i:]) } } }", []string{"s != nil → (s != nil || true): " + provedEmpty}},
		"builder": {"import \"strings\"\nfunc f(b *strings.Builder) error { if _, err := b.WriteString(\"x\"); err != nil { return err }; return nil }",
			[]string{"err != nil → (err != nil && false): " + provedNoError}},
		"absent-key": {"func f(m map[int]int) int { if v, ok := m[2]; ok { return v }; return 0 }", []string{"ok → (ok || true): " + provedZeroAbsent}},
	}
	for name, code := range killable {
		tests[name] = struct {
			code string
			want []string
		}{code, nil}
	}
	files := map[string]string{}
	for name, test := range tests {
		files[name+"/a.go"] = "package a\n\n" + test.code + "\n"
	}
	module, root := loadModule(t, files)
	for name, test := range tests {
		plan := planOf(module, filepath.Join(root, name))
		var got []string
		if plan.Reason != "" || plan.Need {
			t.Errorf("%s: reason %q, need %v", name, plan.Reason, plan.Need)
		}
		for _, mutant := range plan.Equivalent {
			got = append(got, files[name+"/a.go"][mutant.Start:mutant.End]+" → "+mutant.Replacement+": "+mutant.Proof)
			if strings.Contains(string(plan.Schemata), fmt.Sprintf("Switch == %d ", mutant.ID)) {
				t.Errorf("%s: mutant %d is behind the switch", name, mutant.ID)
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %s\n got %q\nwant %q", name, test.code, got, test.want)
		}
	}
}

// killable has code of which no mutant may be proved equivalent: a test can tell each of them from the original.
var killable = map[string]string{
	"slice-capacity":      "func f(n int) []int { return make([]int, 0, n+2) }",
	"less-capacity":       "func f(n int) []int { return make([]int, 0, n-2) }",
	"length":              "func f(n int) []int { return make([]int, n+2) }",
	"asked-for":           "func f(n int) int { return cap(make([]int, 0, n+2)) }",
	"shared-memory":       "func f() ([]int, []int) { a := append(make([]int, 0, 1), 1); return append(a, 2), append(a, 3) }",
	"huge-hint":           "func f(a, b int) map[int]int { return make(map[int]int, a-b) }",
	"overflowing-hint":    "func f(a uint32) map[int]int { return make(map[int]int, a-1) }",
	"multiplied-hint":     "func f(a int) map[int]int { return make(map[int]int, a*1) }",
	"negative-hint":       "func f() map[int]int { return make(map[int]int, 1+2-3) }",
	"refused-hint":        "func f() map[int]int { return make(map[int]int, 2-1-1) }",
	"no-more-hint":        "func f() map[int]int { return make(map[int]int, 1+2) }",
	"grow-calls":          "import \"strings\"\nfunc f(g func() int) string { var b strings.Builder; b.Grow(g()); return b.String() }",
	"grow-negative":       "import \"strings\"\nfunc f(n int) string { var b strings.Builder; b.Grow(n + 1); return b.String() }",
	"grow-of-nil":         "import \"strings\"\nfunc f(s *[4]string) string { var b strings.Builder; b.Grow(len(s[0])); return b.String() }",
	"grow-nil":            "import \"strings\"\nfunc f(b *strings.Builder) { b.Grow(8) }",
	"grow-asked-for":      "import \"strings\"\nfunc f() int { var b strings.Builder; b.Grow(8); return b.Cap() }",
	"grow-passed-on":      "import \"strings\"\nfunc f() { var b strings.Builder; b.Grow(8); g(&b) }\nfunc g(*strings.Builder) {}",
	"grow-copied":         "import \"strings\"\nfunc f(a strings.Builder) string { b := a; b.Grow(8); return b.String() }",
	"grow-given":          "import \"strings\"\nfunc f(b strings.Builder) string { b.Grow(8); return b.String() }",
	"grow-global":         "import \"strings\"\nvar b strings.Builder\nfunc f() { b.Grow(8) }",
	"grow-embedded":       "import \"strings\"\nfunc f() { var b struct{ *strings.Builder }; b.Grow(8) }",
	"grow-buffer":         "import \"bytes\"\nfunc f() error { var b bytes.Buffer; b.WriteByte(1); b.ReadByte(); b.Grow(8); return b.UnreadByte() }",
	"changed-since":       "func f(a, b int) bool { if a != b { a++; return a < b }; return true }",
	"changed-by-result":   "func f(a, b int, g func(*int) int) (int, bool) { if a != b { return g(&a), a < b }; return 0, true }",
	"other-else":          "func f(a int) { if a == 1 { f(1) } else if a < 0 { f(2) } }",
	"outer-variable":      "var n = 7\nfunc f(m int, g func() int) int { if n := g(); n < m { return m }; return n }",
	"returned-interface":  "func f(x int64) any { if x < 5 { return x }; return 5 }",
	"assigned-interface":  "func f(x int64) (y any) { if x < 5 { y = x } else { y = 5 }; return }",
	"other-len":           "func f(a []int, len func([]int) int) int { if len(a) < 3 { return len(a) }; return 3 }",
	"other-len-compared":  "func f(a int, len func(int) int) bool { if len(a) != 3 { return len(a) < 3 }; return true }",
	"second-part":         "import \"strings\"\nfunc f(s string) string { return strings.SplitN(s, \"=\", 2)[1] }",
	"nothing-but-a-panic": "type t struct{ n int }\nfunc log(int) {}\nfunc f(p *t) { log(p.n) }",
	"nil-path":            "type s struct{}\nfunc (s) log() {}\ntype t struct{ s s }\nfunc f(p *t) { p.s.log() }",
	"method-of-nil":       "type i interface{ m() }\nfunc log(func()) {}\nfunc f(x i) { log(x.m) }",
	"nil-receiver":        "type t struct{}\nfunc (t) log() {}\nfunc f(p *t) { p.log() }",
	"sent":                "func f() { c := make(chan int); go func() { c <- 1 }(); <-c }",
	"passed-on":           "func f(x chan int) { c := make(chan int); close(c); f(c) }",
	"negative-capacity":   "func f(n int) { c := make(chan int, n); close(c); <-c }",
	"floats":              "func f(a, b float64) float64 { if a < b { a = b }; return a }",
	"something-else":      "func f(a, b int) int { if a < b { a = 1 }; return a }",
	"other-length":        "func f(s, t []int) bool { return s == nil || len(t) == 0 }",
	"nil-channel":         "func f(c chan int) { if c != nil { for range c { f(c) } } }",
	"other-error": "import \"strings\"\nfunc f(b *strings.Builder, e []error, g func() int) error {\n" +
		"_, e[g()] = b.WriteString(\"x\"); if e[g()] != nil { return e[0] }; return nil }",
	"another-zero":    "func f(m map[int]int) int { if v, ok := m[2]; ok { return v }; return 1 }",
	"zero-interface":  "func f(m map[int]any) any { if v, ok := m[2]; ok { return v }; return 0 }",
	"assigned-to-any": "func f(m map[int]int) any { var v any; var ok bool; if v, ok = m[2]; ok { return v }; return nil }",
}

func TestTextsOfLogsAndErrorsAreLeftOutOnlyIfAskedFor(t *testing.T) {
	code := `package a

import ("errors"; "fmt"; "log")

func f(n int, e error) error {
	log.Printf("n: %d", n)
	if n > 1 {
		return errors.New("one")
	}
	if n > 2 {
		panic("two")
	}
	fmt.Println("three")
	log.Print(e.Error(), g(), 1)
	return fmt.Errorf("four: %w", e)
}

func g() int { return 1 }
`
	module, root := loadModule(t, map[string]string{"a.go": code})
	if plan := planOf(module, root); plan.Reason != "" || len(plan.Equivalent) > 0 {
		t.Errorf("reason %q, equivalent %+v", plan.Reason, plan.Equivalent)
	}
	plan := NewPlan(module, &Request{Dir: root, Name: "a.go", Switch: "Switch", Env: "SWITCH", Key: "00ff", IgnoreTexts: true})
	var got []string
	for _, mutant := range plan.Equivalent {
		got = append(got, code[mutant.Start:mutant.End])
	}
	if want := []string{`log.Printf("n: %d", n)`, `"n: %d"`, `"one"`, `"two"`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTextOfAMutantHasNothingOfTheSwitch(t *testing.T) {
	code := `package a

type t struct{ f func() }

func f(c chan int, n int) t {
	v, w := n, n
	select {
	case c <- v:
	case <-c:
		for range n {
			f(c, n)
		}
	}
	return t{f: func() { f(c, w) }}
}
`
	module, root := loadModule(t, map[string]string{"a.go": code})
	plan := planOf(module, root)
	used := 0
	for _, mutant := range plan.Mutants {
		if strings.Contains(mutant.Replacement, "Switch") {
			t.Errorf("%+v", mutant)
		}
		if strings.Contains(mutant.Replacement, "_ = v") || strings.Contains(mutant.Replacement, "_ = w") {
			used++
		}
	}
	if used < 2 {
		t.Errorf("%d mutants use a variable that they would leave unused", used)
	}
}
