package mutation

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Operators that drop checks (of errors, of nil, of what a comma-ok form reports) and the ends of resources.

func errorCheck(f *finder, n ast.Node) { f.dropNilCheck(n, true) }
func nilCheck(f *finder, n ast.Node)   { f.dropNilCheck(n, false) }

// dropNilCheck fixes the result of a comparison with nil: there is no error, and every other value is there.
func (f *finder) dropNilCheck(n ast.Node, ofErrors bool) {
	comparison, ok := n.(*ast.BinaryExpr)
	if !ok {
		return
	}
	if operand := f.comparedWithNil(comparison); operand != nil && isError(f.m.info.TypeOf(operand)) == ofErrors {
		f.fix(comparison, (comparison.Op == token.EQL) == ofErrors)
	}
}

// fix makes a condition always true or false. Its text remains, so that what it uses is still used.
func (f *finder) fix(cond ast.Expr, to bool) {
	text := "(" + f.m.text(cond) + " && false)"
	if to {
		text = "(" + f.m.text(cond) + " || true)"
	}
	f.add(cond.Pos(), cond.End(), text, asCondition, cond)
}

// comparedWithNil is the other operand of a comparison with nil, or nil.
func (f *finder) comparedWithNil(n *ast.BinaryExpr) ast.Expr {
	switch {
	case n.Op != token.EQL && n.Op != token.NEQ:
		return nil
	case f.m.info.Types[n.Y].IsNil():
		return n.X
	case f.m.info.Types[n.X].IsNil():
		return n.Y
	}
	return nil
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// commaOK drops the check of a map's key, a type assertion or a receive: the second result counts as true.
func commaOK(f *finder, n ast.Node) {
	ok, isIdent := n.(*ast.Ident)
	if !isIdent || !f.m.isCommaOK(ok) {
		return
	}
	_, returned := f.parent(1).(*ast.ReturnStmt)
	not, _ := f.parent(1).(*ast.UnaryExpr)
	if f.isCondition(ok) && !returned || not != nil && not.Op == token.NOT {
		f.fix(ok, true)
	}
}

func (m *mutator) isCommaOK(use *ast.Ident) bool {
	object := m.info.Uses[use]
	if m.commaOKs == nil {
		m.commaOKs = map[types.Object]bool{}
		ast.Inspect(m.focal.Syntax, func(n ast.Node) bool {
			if assign, ok := n.(*ast.AssignStmt); ok && len(assign.Lhs) == 2 && len(assign.Rhs) == 1 {
				if name, ok := assign.Lhs[1].(*ast.Ident); ok && isCommaOKForm(assign.Rhs[0]) {
					m.commaOKs[m.info.ObjectOf(name)] = true
				}
			}
			return true
		})
	}
	return object != nil && m.commaOKs[object]
}

func isCommaOKForm(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.IndexExpr, *ast.TypeAssertExpr:
		return true
	case *ast.UnaryExpr:
		return e.Op == token.ARROW
	}
	return false
}

// hasDroppedCheck reports whether a mutant of another operator does what the removal of the body does.
func (f *finder) hasDroppedCheck(n *ast.IfStmt) bool {
	if n.Else != nil {
		return false
	}
	switch cond := n.Cond.(type) {
	case *ast.BinaryExpr:
		if operand := f.comparedWithNil(cond); operand != nil {
			return (cond.Op == token.NEQ) == isError(f.m.info.TypeOf(operand))
		}
	case *ast.UnaryExpr:
		name, ok := cond.X.(*ast.Ident)
		return ok && cond.Op == token.NOT && f.m.isCommaOK(name)
	}
	return false
}

var cleanups = map[string]bool{
	"cancel": true, "close": true, "cleanup": true, "done": true, "flush": true, "put": true, "release": true,
	"rollback": true, "runlock": true, "shutdown": true, "stop": true, "sync": true, "unlock": true,
}

// isCleanup reports whether a statement ends the use of something: a lock, a file, a context.
func isCleanup(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.DeferStmt:
		return true
	case *ast.ExprStmt:
		return isCleanupCall(n.X)
	case *ast.AssignStmt:
		return n.Tok == token.ASSIGN && len(n.Rhs) == 1 && !assignsVariable(n) && isCleanupCall(n.Rhs[0])
	}
	return false
}

func isCleanupCall(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
	}
	return cleanups[strings.ToLower(name)]
}

func cleanupRemoval(f *finder, n ast.Node) {
	if isCleanup(n) {
		f.removeStatement(n.(ast.Stmt))
	}
}

func undeferred(f *finder, n ast.Node) {
	if n, ok := n.(*ast.DeferStmt); ok && f.isListed(n) {
		f.add(n.Defer, n.Call.Pos(), "", asStatement, n)
	}
}
