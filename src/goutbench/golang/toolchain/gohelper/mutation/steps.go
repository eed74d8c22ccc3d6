package mutation

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
)

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
