package mutation

import (
	"go/ast"
	"go/constant"
	"go/types"
)

func synchronous(f *finder, n ast.Node) {
	if n, ok := n.(*ast.GoStmt); ok && f.isListed(n) {
		f.add(n.Go, n.Call.Pos(), "", asStatement, n)
	}
}

// channelCapacity gives an unbuffered channel room for one value, and takes the room of a buffered one.
func channelCapacity(f *finder, n ast.Node) {
	call, ok := n.(*ast.CallExpr)
	if !ok || !f.isBuiltin(call, "make") {
		return
	}
	typ := f.m.info.TypeOf(call)
	if _, ok := typ.Underlying().(*types.Chan); !ok {
		return
	}
	if len(call.Args) == 1 {
		f.add(call.Rparen, call.Rparen, ", 1", asValue, call).typ = typ
		return
	}
	capacity := call.Args[1]
	if value := f.m.info.Types[capacity].Value; value == nil || constant.Sign(value) != 0 {
		mut := f.add(capacity.Pos(), capacity.End(), "0", asValue, call)
		mut.typ, mut.trial = typ, true
	}
}

func (f *finder) isBuiltin(call *ast.CallExpr, name string) bool {
	ident, ok := ast.Unparen(call.Fun).(*ast.Ident)
	return ok && ident.Name == name && f.m.info.Types[call.Fun].IsBuiltin()
}

// selectCase drops one case, or the default, of a select statement with several.
func selectCase(f *finder, n ast.Node) {
	statement, ok := n.(*ast.SelectStmt)
	if !ok || len(statement.Body.List) < 2 || !f.isListed(statement) {
		return
	}
	for _, clause := range statement.Body.List {
		f.add(clause.Pos(), clause.End(), "", asStatement, statement).trial = true
	}
}

// contextReplaced passes on a context that is never cancelled and has no values.
func contextReplaced(f *finder, n ast.Node) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	signature, ok := f.m.info.TypeOf(call.Fun).(*types.Signature)
	if !ok || signature.Params().Len() != len(call.Args) {
		return
	}
	for i, argument := range call.Args {
		typ := signature.Params().At(i).Type()
		if !isContext(typ) || f.isNewContext(argument) || f.m.info.Types[argument].IsNil() {
			continue
		}
		named := types.Unalias(typ).(*types.Named)
		if name, ok := f.m.importName(named.Obj().Pkg(), argument.Pos()); ok {
			mut := f.add(argument.Pos(), argument.End(), name+".Background()", asValue, argument)
			mut.typ, mut.trial = typ, true
		}
	}
}

func isContext(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "Context" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context"
}

// isNewContext reports whether an expression is context.Background() or context.TODO().
func (f *finder) isNewContext(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok && len(call.Args) == 0 && f.calls(call, "context", "Background", "TODO")
}

// calls reports whether a call is one of a package's functions.
func (f *finder) calls(call *ast.CallExpr, path string, names ...string) bool {
	fun := ast.Unparen(call.Fun)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	selector, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	function, ok := f.m.info.Uses[selector.Sel].(*types.Func)
	if !ok || function.Pkg() == nil || function.Pkg().Path() != path || function.Signature().Recv() != nil {
		return false
	}
	for _, name := range names {
		if function.Name() == name {
			return true
		}
	}
	return false
}
