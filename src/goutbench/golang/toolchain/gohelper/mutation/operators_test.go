package mutation

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// cases are functions with their mutants of one operator, as "original → replacement".
func cases() map[string][]operatorCase {
	return map[string][]operatorCase{
		"conditional-boundary": {
			{"func f(a, b int) bool { return a < b || a <= b }", []string{"< → <=", "<= → <"}},
			{"func f(a, b int) bool { return a > b && a >= b }", []string{"> → >=", ">= → >"}},
			{"func f(a, b int) bool { return a == b }", nil},
		},
		"negated-condition": {
			{"func f(a, b int) bool { return a < b }", []string{"< → >="}},
			{"func f(a, b int) bool { return a == b }", []string{"== → !="}},
			{"func f(ok bool) { if !ok { f(ok) } }", []string{"! → "}},
			{"func f(ok bool) { for ok { f(ok) } }", []string{"ok → !ok"}},
			{"func f(c chan bool) bool { return <-c }", []string{"<-c → !(<-c)"}},
			{"func f(ok bool) { f(ok) }", nil},
		},
		"logical": {{"func f(a, b bool) bool { return a && b || a }", []string{"&& → ||", "|| → &&"}}},
		"arithmetic": {
			{"func f(a, b int) int { return a + b - a*b }", []string{"+ → -", "- → +", "* → /"}},
			{"func f(a int) int { a += 2; return -a % 3 }", []string{"+= → -=", "- → ", "% → *"}},
			{"func f(a, b string) string { a += b; return a + b }", nil},
		},
		"bitwise": {
			{"func f(a, b uint) uint { return a&b | a<<b }", []string{"& → |", "| → &", "<< → >>"}},
			{"func f(a, b uint) uint { a >>= b; a ^= b; return a &^ b }", []string{">>= → <<=", "^= → &=", "&^ → &"}},
			{"func f(a uint) uint { return ^a }", []string{"^ → "}},
		},
		"increment-decrement": {{"func f(a int) { for a++; a < 9; a-- { f(a) } }", []string{"++ → --", "-- → ++"}}},
		"literal": {
			{"func f() (int, rune, float64) { return 0x10, 'a', 1.5 }", []string{"0x10 → 17", "'a' → 'b'", "1.5 → (1.5 + 1)"}},
			{"func f() (string, string) { return \"\", `x` }", []string{"\"\" → \"goutbench\"", "`x` → \"\""}},
			{"func f() (bool, bool) { return true, false }", []string{"true → false", "false → true"}},
			{"func f() int { const n = 1; type t [2]int; return n }", nil},
		},
		"return-value": {
			{"func f(a int, p *int) (int, *int) { return a, p }", []string{"a → 0", "p → nil"}},
			{"func f(s string, e error) (string, error) { return s, e }", []string{"s → \"\"", "e → nil"}},
			{"func f[T any](x T) (T, *int, int) { return x, nil, 0 }", []string{"x → *new(T)"}},
			{"type t struct{ n int }\nfunc f(x t, a [2]t) (t, [2]t, t) { return x, a, t{} }", []string{"x → t{}", "a → [2]t{}"}},
		},
		"zero-field": {
			{"type t struct { n int; s string; p *t }\nfunc f(n int, s string, p *t) t { return t{n: n, s: s, p: p} }",
				[]string{"n → 0", "s → \"\"", "p → nil"}},
			{"import \"fmt\"\ntype t struct { s string; any }\nfunc f(a any) t { b := a; return t{s: fmt.Sprint(), any: b} }",
				[]string{"fmt.Sprint() → func() string { _ = fmt.Sprint; return \"\" }()", "b → func() any { _ = b; return nil }()"}},
			{"type t struct { n int; s []int }\nfunc f() (t, map[int]int) { return t{n: 1, s: nil}, map[int]int{f2: f2} }\nvar f2 int", nil},
		},
		"error-check": {
			{"func f(e error) int { if e != nil { return 1 }; return 2 }", []string{"e != nil → (e != nil && false)"}},
			{"func f(e error) bool { return e == nil }", []string{"e == nil → (e == nil || true)"}},
			{"func f(p *int) bool { return p == nil }", nil},
		},
		"nil-check": {
			{"func f(p *int) bool { return p == nil }", []string{"p == nil → (p == nil && false)"}},
			{"func f(m map[int]int, a any) bool { return m != nil || nil != a }",
				[]string{"m != nil → (m != nil || true)", "nil != a → (nil != a || true)"}},
			{"func f(e error) bool { return e == nil }", nil},
		},
		"comma-ok": {
			{"func f(m map[int]int) int { if v, ok := m[1]; ok { return v }; return 2 }", []string{"ok → (ok || true)"}},
			{"func f(a any) int { v, ok := a.(int); if !ok || v > 1 { return v }; return 2 }", []string{"ok → (ok || true)"}},
			{"func f(c chan int, ok bool) (int, bool) { if ok { return 1, ok }; v, good := <-c; return v, good }", nil},
		},
		"wrong-error": {
			{"import \"fmt\"\nfunc f(e error) error { return fmt.Errorf(\"f: %w\", e) }", []string{"\"f: %w\" → \"f: %v\""}},
			{"import \"io\"\nfunc f(e error) (bool, error) { return e == io.EOF, io.EOF }",
				[]string{"EOF → ErrClosedPipe", "EOF → ErrClosedPipe"}},
			{"import \"errors\"\nvar a, b, c = errors.New(\"a\"), g(), errors.New(\"c\")\nfunc f() error { a = nil; return a }\nfunc g() error { return nil }",
				[]string{"a → c"}},
			{"import \"errors\"\nvar a = errors.New(\"a\")\nfunc f() error { return a }", nil},
		},
		"slice-bound": {
			{"func f(s []int, i, n int) []int { return s[i : n-2] }", []string{"i → i+1", "n-2 → (n-2)-1"}},
			{"func f(s string) string { return s[1:][:2] }", []string{"2 → 2-1"}},
			{"func f(s string, n int) (byte, string) { return s[n], s[:] }", nil},
		},
		"alias": {
			{"func f(s []int) []int { return append([]int(nil), s...) }", []string{"append([]int(nil), s...) → s"}},
			{"func f(s, t []int) { copy(s, t) }", []string{"copy(s, t) → s = t"}},
			{"import \"slices\"\nfunc f(s []int) []int { return slices.Clone(s) }",
				[]string{"slices.Clone(s) → func() []int { _ = slices.Clone(s); return s }()"}},
			{"type t []int\nfunc (x t) Clone() t { return x }\nfunc f(x t) t { return x.Clone() }", []string{"x.Clone() → x"}},
			{"func f(s []int, t string) []byte { s = append(s, s...); copy(s[1:], s); return append([]byte{}, t...) }", nil},
		},
		"loop-control": {
			{"func f() { for { break } }", []string{"break → continue"}},
			{"func f() { a: for { for { continue a } } }", []string{"continue → break"}},
			{"func f(n int) { a: switch n { case 1: for { break a } } }", nil},
			{"func f(n []int) { for range n { if len(n) > 1 { continue } } }", []string{"continue → break"}},
			{"func f(n int) { for { switch n { case 1: break } } }", nil},
		},
		"statement-removal": {
			{"func f(c chan int) { c <- 1; go f(c); defer f(c) }", []string{"c <- 1 → ", "go f(c) → "}},
			{"func f(a int) int { a += 1; a = 2; _ = a; return a }", []string{"a += 1 → ", "a = 2 → "}},
			{"func f(c chan int) { select { case c <- 1: default: } }", nil},
			{"func f() { x := f; x() }", []string{"x() → _ = x"}},
		},
		"cleanup-removal": {
			{"import \"sync\"\nfunc f(m *sync.Mutex) { m.Lock(); defer f(m); m.Unlock() }", []string{"defer f(m) → ", "m.Unlock() → "}},
			{"import \"io\"\nfunc f(c io.Closer) { _ = c.Close() }", []string{"_ = c.Close() → "}},
		},
		"undeferred": {
			{"func f(c chan int) { defer f(c); defer func() { f(c) }() }", []string{"defer  → ", "defer  → "}},
		},
		"select-case": {
			{"func f(c chan int) { select {\ncase <-c: f(c)\ndefault: } }", []string{"case <-c: f(c) → ", "default: → "}},
			{"func f(c chan int, n int) { v := n; select { case c <- v: case <-c: } }",
				[]string{"select { case c <- v: case <-c: } → _ = v; select {  case <-c: }", "case <-c: → "}},
			{"func f(c chan int) { select { case <-c: } }", nil},
		},
		"synchronous": {{"func f(c chan int) { go f(c); go func() { f(c) }() }", []string{"go  → ", "go  → "}}},
		"channel-capacity": {
			{"func f(n int) (chan int, chan int) { return make(chan int), make(chan int, n) }", []string{" → , 1", "n → 0"}},
			{"func f() (chan int, []int) { return make(chan int, 0), make([]int, 3) }", nil},
		},
		"context": {
			{"import \"context\"\nfunc f(c context.Context) { f(c); f(context.Background()) }", []string{"c → context.Background()"}},
			{"import \"context\"\nfunc f(c context.Context) { d := context.WithoutCancel(context.TODO()); f(d) }",
				[]string{"d → func() context.Context { _ = d; return context.Background() }()"}},
		},
		"branch-removal": {
			{"func f(e error, m map[int]int) { if e != nil { f(e, m) }; if _, ok := m[0]; !ok { f(e, m) } }", nil},
			{"func f(e error) { if e == nil { f(e) }; if e != nil { f(e) } else { f(e) } }", []string{"f(e) → ", "f(e) → ", "f(e) → "}},
			{"func f(a int) { if a > 0 { f(1) } else { f(2) } }", []string{"f(1) → ", "f(2) → "}},
			{"func f(a int) { switch a { case 1: f(1); f(2) } }", []string{"f(1); f(2) → "}},
			{"func f(a []int) { for range a { f(a) }; for { f(a) } }", []string{"f(a) → ", "f(a) → "}},
			{"func f(a int) { switch a { case 1: f(1); fallthrough; case 7: } }", nil},
		},
	}
}

type operatorCase struct {
	code string
	want []string
}

func TestEveryOperatorMakesItsMutantsAndNoOthers(t *testing.T) {
	files := map[string]string{}
	for name, list := range cases() {
		for i, test := range list {
			files[fmt.Sprintf("%s/%d/a.go", name, i)] = "package a\n\n" + test.code + "\n"
		}
	}
	module, root := loadModule(t, files)
	for _, operator := range Operators() {
		if operator.Doc == "" || len(cases()[operator.Name]) == 0 {
			t.Errorf("%s has no description or no case", operator.Name)
		}
		for i, test := range cases()[operator.Name] {
			t.Run(fmt.Sprintf("%s/%d", operator.Name, i), func(t *testing.T) {
				dir := filepath.Join(root, operator.Name, fmt.Sprint(i))
				plan := NewPlan(module, &Request{Dir: dir, Name: "a.go", Switch: "Switch", Env: "SWITCH", Key: "0"})
				if plan.Reason != "" || plan.Need {
					t.Fatalf("reason %q, need %v", plan.Reason, plan.Need)
				}
				for _, mutant := range plan.NotViable {
					if mutant.Operator == operator.Name {
						t.Errorf("not viable: %+v", mutant)
					}
				}
				if got := changes(files[fmt.Sprintf("%s/%d/a.go", operator.Name, i)], plan, operator.Name); !slices.Equal(got, test.want) {
					t.Errorf("%s\n got %q\nwant %q", test.code, got, test.want)
				}
			})
		}
	}
}

func TestOperatorsHaveDifferentNames(t *testing.T) {
	names := map[string]bool{}
	for _, operator := range Operators() {
		if names[operator.Name] {
			t.Errorf("two operators are called %s", operator.Name)
		}
		names[operator.Name] = true
	}
	if len(cases()) != len(names) {
		t.Errorf("%d operators have cases, %d are in the table", len(cases()), len(names))
	}
}
