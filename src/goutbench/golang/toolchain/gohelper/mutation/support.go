package mutation

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
)

// support is the file that declares the switch. Go initialises a package-level variable before every initialiser that
// refers to it, directly or through functions, so a mutated function never runs with an unset switch.
//
// The number of the mutant comes from the environment. It is masked, so that a test cannot read it there. The limit of
// steps follows it; with 0 the program prints numbers that its steps have not exceeded yet, the next one when they do.
// Packages that os depends on cannot import os; they read the environment from the same source as syscall.
func (m *mutator) support(env, key string) string {
	imports, environ, over := `import "os"`, "", `println("%[1]s over"); os.Exit(%[2]d)`
	lookup := fmt.Sprintf("text := os.Getenv(%q)", env)
	if m.belowOS() {
		over = `println("%[1]s over")`
		imports = `import _ "unsafe"`
		environ = fmt.Sprintf("\n//go:linkname %sEnviron syscall.runtime_envs\nfunc %sEnviron() []string\n", m.variable, m.variable)
		call := m.variable + "Environ()"
		switch m.p.ImportPath {
		case "syscall":
			imports, environ, call = "", "", "runtime_envs()"
		case "runtime":
			imports, environ, call = "", "", "envs"
		}
		lookup = fmt.Sprintf(`text := ""
	for _, pair := range %s {
		if len(pair) > %d && pair[:%d] == %q {
			text = pair[%d:]
		}
	}`, call, len(env)+1, len(env)+1, env+"=", len(env)+1)
	}
	over = fmt.Sprintf(over, env, stepLimitExit)
	return fmt.Sprintf(`package %[1]s

%[2]s
%[3]s
var %[4]s, %[4]sMost = func() (int, int) {
	%[5]s
	number, rest := uint64(0), uint64(0)
	for i := 0; i < len(text); i++ {
		digit := uint64(text[i] - '0')
		if text[i] >= 'a' {
			digit = uint64(text[i]-'a') + 10
		}
		if i < 16 {
			number = number<<4 | digit
		} else {
			rest = rest<<4 | digit
		}
	}
	if text == "" {
		return 0, -1
	}
	return int(number ^ 0x%[6]s), int(rest)
}()

var %[4]sSteps, %[4]sNext int

//go:norace
func %[4]sStep() {
	%[4]sSteps++
	if %[4]sSteps > %[4]sNext {
		%[4]sMark()
	}
}

//go:norace
func %[4]sMark() {
	switch {
	case %[4]sMost < 0:
		%[4]sNext = 1<<31 - 1
		%[4]sSteps = 0
	case %[4]sMost == 0:
		%[4]sNext = %[4]sSteps + %[4]sSteps/8 + %[9]d
		println("%[7]s steps", %[4]sNext)
	case %[4]sSteps > %[4]sMost:
		%[8]s
	default:
		%[4]sNext = %[4]sMost
	}
}
`, m.p.Name, imports, environ, m.variable, lookup, key, env, over, fewSteps)
}

const stepLimitExit = 97 // _STEP_LIMIT_EXIT in mutation.py
const fewSteps = 1 << 10 // a program with fewer steps prints one number

// A mutant can make a loop or a recursion endless. Each call of a function and each loop iteration of the focal file counts
// as a step. A run with many times the steps of the unmutated program exits: long before a limit in seconds, and at the
// same step on every machine. The text of a mutant has no counters of its own; the code around it counts.

func (m *mutator) step() string { return m.variable + "Step" }

// findSteps returns the offsets at which to count. Packages that os depends on cannot exit the program, so they have no
// counters; nor do functions with a directive, which limits their calls.
func (m *mutator) findSteps() (offsets []int) {
	if m.belowOS() {
		return nil
	}
	for _, decl := range m.focal.Syntax.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok && function.Doc != nil && hasDirective(function.Doc) {
			continue
		}
		ast.Inspect(decl, func(node ast.Node) bool {
			var body *ast.BlockStmt
			switch node := node.(type) {
			case *ast.FuncDecl:
				body = node.Body
			case *ast.FuncLit:
				body = node.Body
			case *ast.ForStmt:
				body = node.Body
			case *ast.RangeStmt:
				body = node.Body
			}
			if body != nil {
				offsets = append(offsets, m.offset(body.Lbrace)+1)
			}
			return true
		})
	}
	sort.Ints(offsets)
	return offsets
}

func hasDirective(doc *ast.CommentGroup) bool {
	for _, comment := range doc.List {
		if strings.HasPrefix(comment.Text, "//go:") {
			return true
		}
	}
	return false
}

// belowOS reports whether os depends on the package.
func (m *mutator) belowOS() bool { return m.module.Reaches("os", m.p.ImportPath) }

// counted is the source from:to with its counters. A counter at `to` belongs to the text after it.
func (m *mutator) counted(from, to int) string {
	var text strings.Builder
	for i := sort.SearchInts(m.steps, from); i < len(m.steps) && m.steps[i] < to; i++ {
		text.Write(m.focal.Source[from:m.steps[i]])
		from = m.steps[i]
		at := m.position(from)
		fmt.Fprintf(&text, " %s(); /*line :%d:%d*/", m.step(), at.Line, at.Column)
	}
	text.Write(m.focal.Source[from:to])
	return text.String()
}
