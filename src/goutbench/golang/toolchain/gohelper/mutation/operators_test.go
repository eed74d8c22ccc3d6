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
			{"func f[T any](x T) (T, *int, int) { return x, nil, 0 }", nil},
		},
		"loop-control": {
			{"func f() { for { break } }", []string{"break → continue"}},
			{"func f(n []int) { for range n { if len(n) > 1 { continue } } }", []string{"continue → break"}},
			{"func f(n int) { for { switch n { case 1: break } } }", nil},
		},
		"statement-removal": {
			{"func f(c chan int) { c <- 1; go f(c); defer f(c) }", []string{"c <- 1 → ", "go f(c) → ", "defer f(c) → "}},
			{"func f(a int) int { a += 1; a = 2; _ = a; return a }", []string{"a += 1 → ", "a = 2 → "}},
			{"func f(c chan int) { select { case c <- 1: default: } }", nil},
			{"func f() { x := f; x() }", []string{"x() → _ = x"}},
		},
		"branch-removal": {
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
				if plan.Reason != "" || plan.Need || len(plan.NotViable) > 0 {
					t.Fatalf("reason %q, need %v, not viable %+v", plan.Reason, plan.Need, plan.NotViable)
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
