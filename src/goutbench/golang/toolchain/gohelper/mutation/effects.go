package mutation

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// Proofs that what a mutant changes has no effect: room that nothing asks for, calls that do nothing, texts that nobody checks.

// isHint reports whether a change only makes room for more, or for less in a map: in the last argument of make, or the
// argument of Grow. The hint of a map may be negative, the capacity of a slice may not.
func (f *finder) isHint(mut *mutant, e ast.Expr) bool {
	grows := mut.operator == "literal"
	if binary, ok := e.(*ast.BinaryExpr); ok && binary.Op != token.ADD && binary.Op != token.SUB {
		return false
	}
	for up := 1; up <= len(f.stack); up++ {
		switch p := f.parent(up).(type) {
		case *ast.ParenExpr:
		case *ast.BinaryExpr:
			switch p.Op {
			case token.ADD, token.MUL:
			case token.SUB:
				grows = grows && p.X == e
			default:
				return false
			}
		case *ast.CallExpr:
			if f.isBuiltin(p, "make") && p.Args[len(p.Args)-1] == e {
				switch f.m.info.TypeOf(p).Underlying().(type) {
				case *types.Map:
					return len(p.Args) == 2
				case *types.Slice:
					return len(p.Args) == 3 && grows && !f.m.asksForCapacity()
				}
				return false
			}
			return grows && f.grows(p) && p.Args[len(p.Args)-1] == e && !f.m.asksForCapacity()
		default:
			return false
		}
		e = f.parent(up).(ast.Expr)
	}
	return false
}

// grows reports whether an expression is a call that only makes room.
func (f *finder) grows(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok && len(call.Args) == 1 && (f.isMethod(call, "strings", "Builder", "Grow") || f.isMethod(call, "bytes", "Buffer", "Grow"))
}

// isMethod reports whether a call is of a method of a type.
func (f *finder) isMethod(call *ast.CallExpr, path, typ string, names ...string) bool {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	function, ok := f.m.info.Uses[selector.Sel].(*types.Func)
	if !ok || function.Signature().Recv() == nil {
		return false
	}
	receiver := function.Signature().Recv().Type()
	if pointer, ok := receiver.(*types.Pointer); ok {
		receiver = pointer.Elem()
	}
	named, ok := receiver.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != path || named.Obj().Name() != typ {
		return false
	}
	for _, name := range names {
		if function.Name() == name {
			return true
		}
	}
	return false
}

// asksForCapacity reports whether the focal file calls cap, so that a capacity may matter.
func (m *mutator) asksForCapacity() bool {
	for ident, object := range m.info.Uses {
		if ident.Name == "cap" && object == types.Universe.Lookup("cap") {
			return true
		}
	}
	return false
}

// splitsForFirst reports whether a literal limits the parts of a split, of which only the first one is used.
func (f *finder) splitsForFirst(literal *ast.BasicLit) bool {
	call, ok := f.parent(1).(*ast.CallExpr)
	if !ok || len(call.Args) != 3 || call.Args[2] != literal || !(f.calls(call, "strings", "SplitN") || f.calls(call, "bytes", "SplitN")) {
		return false
	}
	index, ok := f.parent(2).(*ast.IndexExpr)
	limit, exact := constant.Int64Val(constant.ToInt(f.m.info.Types[literal].Value))
	first := ok && f.m.info.Types[index.Index].Value != nil && constant.Sign(f.m.info.Types[index.Index].Value) == 0
	return first && index.X == call && exact && limit >= 2
}

// doesNothing reports whether an expression is a call of a function of this package without statements.
func (f *finder) doesNothing(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	for _, argument := range call.Args {
		if !isPure(argument) {
			return false
		}
	}
	var name *ast.Ident
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun
	case *ast.SelectorExpr:
		if name = fun.Sel; !isPure(fun.X) {
			return false
		}
		if selection := f.m.info.Selections[fun]; selection != nil && (selection.Indirect() || types.IsInterface(selection.Recv())) {
			return false
		}
	}
	if name == nil {
		return false
	}
	function, ok := f.m.info.Uses[name].(*types.Func)
	return ok && function.Pkg() == f.m.pkg && f.m.isEmpty(function)
}

// isEmpty reports whether a function of this package has no statements.
func (m *mutator) isEmpty(function *types.Func) bool {
	for _, file := range m.own {
		if file.Syntax == nil {
			continue
		}
		for _, decl := range file.Syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Pos() == function.Pos() {
				return fn.Body != nil && len(fn.Body.List) == 0
			}
		}
	}
	return false
}

// neverSent reports whether a new channel is a local variable that the function only closes and receives from.
func (f *finder) neverSent(n ast.Node) bool {
	assign, ok := f.parent(1).(*ast.AssignStmt)
	if !ok || assign.Tok != token.DEFINE || len(assign.Lhs) != len(assign.Rhs) {
		return false
	}
	var channel types.Object
	for i, value := range assign.Rhs {
		if name, ok := assign.Lhs[i].(*ast.Ident); ok && value == n {
			channel = f.m.info.Defs[name]
		}
	}
	if channel == nil {
		return false
	}
	uses := 0
	for _, object := range f.m.info.Uses {
		if object == channel {
			uses++
		}
	}
	ast.Inspect(f.m.focal.Syntax.Decls[f.unit], func(n ast.Node) bool {
		var operand ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			if f.isBuiltin(n, "close") {
				operand = n.Args[0]
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				operand = n.X
			}
		case *ast.RangeStmt:
			operand = n.X
		}
		if name, ok := operand.(*ast.Ident); ok && f.m.info.Uses[name] == channel {
			uses--
		}
		return true
	})
	return uses == 0
}

// neverFails reports whether the error of a comparison is that of a call whose documentation says that it is nil, in the
// same if statement or in the statement before it.
func (f *finder) neverFails(n *ast.BinaryExpr) bool {
	statement, ok := f.parent(1).(*ast.IfStmt)
	if !ok || statement.Cond != n {
		return false
	}
	source := statement.Init
	if source == nil {
		source = f.before(statement)
	}
	assign, ok := source.(*ast.AssignStmt)
	if !ok || len(assign.Rhs) != 1 || f.m.text(assign.Lhs[len(assign.Lhs)-1]) != f.m.text(f.comparedWithNil(n)) {
		return false
	}
	call, ok := ast.Unparen(assign.Rhs[0]).(*ast.CallExpr)
	return ok && (f.isMethod(call, "strings", "Builder", "Write", "WriteString", "WriteByte", "WriteRune") ||
		f.isMethod(call, "bytes", "Buffer", "Write", "WriteString", "WriteByte", "WriteRune"))
}

// isText reports whether a mutant changes only what people read: the text of an error, or what a log gets. A text that
// wraps an error is more.
func (f *finder) isText(mut *mutant, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		call, ok := f.parent(1).(*ast.CallExpr)
		if !ok || mut.operator != "literal" || n.Kind != token.STRING || strings.Contains(n.Value, "%w") {
			return false
		}
		return f.calls(call, "errors", "New") || f.calls(call, "fmt", "Errorf") || f.isBuiltin(call, "panic") || f.logs(call)
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		return ok && mut.operator == "statement-removal" && f.logs(call)
	}
	return false
}

// logs reports whether a call writes a log entry and returns: of a function or method like Infof, in a package for logs.
func (f *finder) logs(call *ast.CallExpr) bool {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	function, ok := f.m.info.Uses[selector.Sel].(*types.Func)
	return ok && function.Pkg() != nil && logPackage.MatchString(function.Pkg().Path()) && logFunction.MatchString(function.Name())
}

var (
	logPackage  = regexp.MustCompile(`(^|[/.-])(log|slog|klog|glog|zap|logr|logrus|zerolog)(/|$)`)
	logFunction = regexp.MustCompile(`^(Log|Print|Trace|Debug|Info|Warn|Warning|Error)(f|ln|w|Context)?$`)
)
