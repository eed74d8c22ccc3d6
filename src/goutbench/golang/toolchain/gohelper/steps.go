package main

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
)

// A mutant may make a loop or a recursion endless. Each function and each turn of a loop of the focal file counts as
// a step, and a run with many times the steps of the plain program is ended: long before any limit in seconds, and at
// the same step on every machine. What a mutant changes is not counted within; that a run has many steps shows in
// the code around it.

func (m *mutator) step() string { return m.variable + "Step" }

// findSteps gives where to count. A package beneath os cannot end the program, so nothing is counted there; nor in
// functions with a directive: what they may call is limited.
func (m *mutator) findSteps() (found []int) {
	if m.beneathOS() {
		return nil
	}
	for _, decl := range m.focal.file.Decls {
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
				found = append(found, m.offset(body.Lbrace)+1)
			}
			return true
		})
	}
	sort.Ints(found)
	return found
}

func hasDirective(doc *ast.CommentGroup) bool {
	for _, comment := range doc.List {
		if strings.HasPrefix(comment.Text, "//go:") {
			return true
		}
	}
	return false
}

func (m *mutator) beneathOS() bool { return m.w.reaches("os", m.p.ImportPath) }

// counted is the source from:to with its steps counted. A step at `to` belongs to what follows.
func (m *mutator) counted(from, to int) string {
	var text strings.Builder
	for i := sort.SearchInts(m.steps, from); i < len(m.steps) && m.steps[i] < to; i++ {
		text.Write(m.focal.src[from:m.steps[i]])
		from = m.steps[i]
		at := m.position(from)
		fmt.Fprintf(&text, " %s(); /*line :%d:%d*/", m.step(), at.Line, at.Column)
	}
	text.Write(m.focal.src[from:to])
	return text.String()
}
