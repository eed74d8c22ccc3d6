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

// isMapHint reports whether a change of e makes the hint of a map a little larger, or less. The room of a slice is more than
// a hint: what shares its memory shows it, and a negative one panics.
func (f *finder) isMapHint(e ast.Expr) bool {
	binary, isBinary := e.(*ast.BinaryExpr)
	if isBinary && !f.isSmall(binary) {
		return false
	}
	for up := 1; up <= len(f.stack); up++ {
		switch p := f.parent(up).(type) {
		case *ast.ParenExpr:
		case *ast.BinaryExpr:
			if p.Op != token.ADD && (p.Op != token.SUB || isBinary && p.X != e) {
				return false
			}
		case *ast.CallExpr:
			if !f.isBuiltin(p, "make") || len(p.Args) != 2 || p.Args[1] != e {
				return false
			}
			_, isMap := f.m.info.TypeOf(p).Underlying().(*types.Map)
			_, isLiteral := e.(*ast.BasicLit)
			if f.m.info.Types[e].Value != nil && !isLiteral { // the compiler refuses a negative constant
				return false
			}
			return isMap && types.Identical(f.m.info.TypeOf(e), types.Typ[types.Int]) // a smaller type overflows
		default:
			return false
		}
		e = f.parent(up).(ast.Expr)
	}
	return false
}

// isSmall reports whether an addition becomes a subtraction, or the reverse, and the result is a little larger, or less.
func (f *finder) isSmall(n *ast.BinaryExpr) bool {
	return n.Op == token.ADD && f.isLength(n.Y) || (n.Op == token.ADD || n.Op == token.SUB) && f.isSmallConstant(n.Y)
}

// isRoom reports whether a literal is the argument of a call that only makes room.
func (f *finder) isRoom(literal *ast.BasicLit) bool {
	call, ok := f.parent(1).(*ast.CallExpr)
	return ok && f.onlyGrows(call)
}

// onlyGrows reports whether an expression makes room, of a size that is not negative, in a local strings.Builder that nothing
// asks for its capacity. Another builder may be a copy or nil, where Grow panics; in a bytes.Buffer it has more effects.
func (f *finder) onlyGrows(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok || len(call.Args) != 1 || !f.isMethod(call, "strings", "Builder", "Grow") || !f.isSize(call.Args[0]) {
		return false
	}
	builder := f.builderOf(call)
	return builder != nil && builder.Parent() != f.m.pkg.Scope() && f.startsEmpty(builder) && f.uses(builder) == f.writes(builder)
}

// isSize reports whether an expression is a size that is not negative: a small constant or the length of a text.
func (f *finder) isSize(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return f.isSmallConstant(e) && constant.Sign(f.m.info.Types[e].Value) >= 0 ||
		ok && f.isBuiltin(call, "len") && isString(f.m.info.TypeOf(call.Args[0])) && f.isSafe(call.Args[0])
}

// isSmallConstant reports whether an expression is a constant whose size in bytes every machine has.
func (f *finder) isSmallConstant(e ast.Expr) bool {
	value := f.m.info.Types[e].Value
	if value == nil {
		return false
	}
	size, exact := constant.Int64Val(constant.ToInt(value))
	return exact && -1<<16 <= size && size <= 1<<16
}

// builderOf is the variable of type strings.Builder whose method is called, or nil.
func (f *finder) builderOf(call *ast.CallExpr) types.Object {
	selector, _ := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if selector == nil {
		return nil
	}
	name, ok := selector.X.(*ast.Ident)
	if !ok || types.TypeString(f.m.info.TypeOf(name), nil) != "strings.Builder" {
		return nil
	}
	return f.m.info.Uses[name]
}

// startsEmpty reports whether a variable is declared without a value, as in var b strings.Builder.
func (f *finder) startsEmpty(variable types.Object) (empty bool) {
	ast.Inspect(f.m.focal.Syntax.Decls[f.unit], func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 0 {
			for _, name := range spec.Names {
				empty = empty || f.m.info.Defs[name] == variable
			}
		}
		return true
	})
	return empty
}

// uses is the number of uses of a variable.
func (f *finder) uses(variable types.Object) (uses int) {
	for _, object := range f.m.info.Uses {
		if object == variable {
			uses++
		}
	}
	return uses
}

// writes is the number of calls of a builder's methods that do not depend on its capacity.
func (f *finder) writes(builder types.Object) (writes int) {
	ast.Inspect(f.m.focal.Syntax.Decls[f.unit], func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok && f.builderOf(call) == builder &&
			f.isMethod(call, "strings", "Builder", "Write", "WriteString", "WriteByte", "WriteRune", "Len", "Reset", "String", "Grow") {
			writes++
		}
		return true
	})
	return writes
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
		if !f.isSafe(argument) {
			return false
		}
	}
	var name *ast.Ident
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun
	case *ast.SelectorExpr:
		if name = fun.Sel; !f.isSafe(fun.X) {
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

// neverSent reports whether a new channel is a local variable that the function only closes and receives from. A capacity
// that is computed may be negative, or have other effects.
func (f *finder) neverSent(n ast.Node) bool {
	call := n.(*ast.CallExpr)
	if len(call.Args) > 1 && f.m.info.Types[call.Args[1]].Value == nil {
		return false
	}
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
	uses := f.uses(channel)
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
	if !ok || len(assign.Rhs) != 1 {
		return false
	}
	set, isName := assign.Lhs[len(assign.Lhs)-1].(*ast.Ident)
	compared, isNameToo := f.comparedWithNil(n).(*ast.Ident)
	if !isName || !isNameToo || f.m.info.ObjectOf(set) != f.m.info.ObjectOf(compared) {
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
		return ok && mut.operator == "statement-removal" && f.logs(call) && f.onlyDescribes(call)
	}
	return false
}

// logs reports whether a call writes a log entry and returns: of a function or method like Infof, in a package for logs.
func (f *finder) logs(call *ast.CallExpr) bool {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return ok && f.isOfLogs(call) && logFunction.MatchString(selector.Sel.Name)
}

// onlyDescribes reports whether a log entry calls nothing but functions for logs, lengths, and methods that return a text.
func (f *finder) onlyDescribes(entry *ast.CallExpr) bool {
	only := true
	ast.Inspect(entry, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			only = false
		case *ast.UnaryExpr:
			only = only && n.Op != token.ARROW
		case *ast.CallExpr:
			only = only && (f.m.info.Types[n.Fun].IsType() || f.isLength(n) || f.isOfLogs(n) || isTextMethod(n))
		}
		return only
	})
	return only
}

func isTextMethod(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && len(call.Args) == 0 && (selector.Sel.Name == "Error" || selector.Sel.Name == "String")
}

// isOfLogs reports whether a call is of a function or method in a package for logs.
func (f *finder) isOfLogs(call *ast.CallExpr) bool {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	function, ok := f.m.info.Uses[selector.Sel].(*types.Func)
	return ok && function.Pkg() != nil && logPackage.MatchString(function.Pkg().Path())
}

var (
	logPackage  = regexp.MustCompile(`(^|[/.-])(log|slog|klog|glog|zap|logr|logrus|zerolog)(/|$)`)
	logFunction = regexp.MustCompile(`^(Log|Print|Trace|Debug|Info|Warn|Warning|Error)(f|ln|w|Context)?$`)
)
