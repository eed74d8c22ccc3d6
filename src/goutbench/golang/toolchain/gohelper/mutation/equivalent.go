package mutation

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// Some mutants provably behave as the original, whatever calls them. They are not behind the switch: no test can kill them.
// The proofs below are those that types and the text around a mutant allow; machine code proves others.

const (
	provedCapacity   = "a hint of capacity"
	provedEqual      = "differs only where both sides are equal, and then takes the same value"
	provedRange      = "the operand never has this value"
	provedUnequal    = "differs only where both sides are equal, which was checked before"
	provedFirst      = "the first part of a split is the same"
	provedNothing    = "the call does nothing"
	provedNoSend     = "nothing is sent on the channel"
	provedEmpty      = "nil is empty"
	provedNoError    = "the call returns no error"
	provedZeroAbsent = "an absent key has the zero value"
	leftOutText      = "a log entry or the text of an error, which the options leave out"
)

// prove returns the reason why the current operator's mutant of node n is equivalent to the original, or "".
func (f *finder) prove(mut *mutant, n ast.Node) string {
	if f.m.ignoreTexts && f.isText(mut, n) {
		return leftOutText
	}
	switch mut.operator {
	case "literal", "arithmetic":
		if e, ok := n.(ast.Expr); ok && f.isHint(mut, e) {
			return provedCapacity
		}
		if literal, ok := n.(*ast.BasicLit); ok && f.splitsForFirst(literal) {
			return provedFirst
		}
	case "statement-removal":
		statement, ok := n.(*ast.ExprStmt)
		if ok && f.grows(statement.X) {
			return provedCapacity
		}
		if ok && f.doesNothing(statement.X) {
			return provedNothing
		}
	case "conditional-boundary":
		comparison := n.(*ast.BinaryExpr)
		if f.isOutOfRange(comparison) {
			return provedRange
		}
		if f.takesEither(comparison) {
			return provedEqual
		}
		if f.isUnequal(comparison) {
			return provedUnequal
		}
	case "channel-capacity":
		if f.neverSent(n) {
			return provedNoSend
		}
	case "nil-check":
		if f.emptyAnyway(n.(*ast.BinaryExpr)) {
			return provedEmpty
		}
	case "error-check":
		if f.neverFails(n.(*ast.BinaryExpr)) {
			return provedNoError
		}
	case "comma-ok":
		if f.zeroIfAbsent(n.(*ast.Ident)) {
			return provedZeroAbsent
		}
	}
	return ""
}

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

// isOutOfRange reports whether a comparison is with a constant that the other operand never has: a length is not negative.
func (f *finder) isOutOfRange(n *ast.BinaryExpr) bool {
	return f.isOutside(n.X, n.Y) || f.isOutside(n.Y, n.X)
}

func (f *finder) isOutside(operand, bound ast.Expr) bool {
	value := f.m.info.Types[bound].Value
	if value == nil || f.m.info.Types[operand].Value != nil {
		return false
	}
	value = constant.ToInt(value)
	return value.Kind() == constant.Int && constant.Sign(value) < 0 && f.isLength(operand)
}

func (f *finder) isLength(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok && (f.isBuiltin(call, "len") || f.isBuiltin(call, "cap"))
}

// takesEither reports whether a comparison chooses between its own operands, as in if a < b { a = b }. Floats are not
// included: 0 equals -0.
func (f *finder) takesEither(n *ast.BinaryExpr) bool {
	statement, ok := f.parent(1).(*ast.IfStmt)
	if !ok || statement.Cond != n || !isPure(n.X) || !isPure(n.Y) {
		return false
	}
	basic, ok := f.m.info.TypeOf(n.X).Underlying().(*types.Basic)
	if !ok || basic.Info()&(types.IsInteger|types.IsString) == 0 || len(statement.Body.List) != 1 {
		return false
	}
	x, y := f.m.text(n.X), f.m.text(n.Y)
	either := func(text string) bool { return text == x || text == y }
	switch then := statement.Body.List[0].(type) {
	case *ast.AssignStmt:
		if then.Tok != token.ASSIGN || len(then.Lhs) != 1 || !either(f.m.text(then.Rhs[0])) {
			return false
		}
		target := f.m.text(then.Lhs[0])
		if statement.Else == nil {
			return either(target) && target != f.m.text(then.Rhs[0])
		}
		block, ok := statement.Else.(*ast.BlockStmt)
		if !ok || len(block.List) != 1 {
			return false
		}
		other, ok := block.List[0].(*ast.AssignStmt)
		return ok && other.Tok == token.ASSIGN && len(other.Lhs) == 1 && f.m.text(other.Lhs[0]) == target && either(f.m.text(other.Rhs[0]))
	case *ast.ReturnStmt:
		if len(then.Results) != 1 || !either(f.m.text(then.Results[0])) || statement.Else != nil {
			return false
		}
		other, ok := f.after(statement).(*ast.ReturnStmt)
		return ok && len(other.Results) == 1 && either(f.m.text(other.Results[0]))
	}
	return false
}

// isUnequal reports whether the operands of a comparison cannot be equal there: if a != b { return a < b }, or
// if a == 0 { … } else if a < 0 { … }.
func (f *finder) isUnequal(n *ast.BinaryExpr) bool {
	if !isPure(n.X) || !isPure(n.Y) {
		return false
	}
	var check *ast.IfStmt
	want := token.NEQ
	switch p := f.parent(1).(type) {
	case *ast.ReturnStmt:
		block, _ := f.parent(2).(*ast.BlockStmt)
		if check, _ = f.parent(3).(*ast.IfStmt); check == nil || check.Body != block || block.List[0] != p {
			return false
		}
	case *ast.IfStmt:
		if check, _ = f.parent(2).(*ast.IfStmt); check == nil || check.Else != p || p.Init != nil || p.Cond != n {
			return false
		}
		want = token.EQL
	default:
		return false
	}
	before, ok := check.Cond.(*ast.BinaryExpr)
	if !ok || before.Op != want {
		return false
	}
	a, b, x, y := f.m.text(before.X), f.m.text(before.Y), f.m.text(n.X), f.m.text(n.Y)
	return a == x && b == y || a == y && b == x
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

// isPure reports whether an expression only reads variables, their fields and lengths.
func isPure(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident, *ast.BasicLit:
		return true
	case *ast.ParenExpr:
		return isPure(e.X)
	case *ast.SelectorExpr:
		return isPure(e.X)
	case *ast.CallExpr:
		name, ok := e.Fun.(*ast.Ident)
		return ok && name.Name == "len" && len(e.Args) == 1 && isPure(e.Args[0])
	}
	return false
}

// after is the statement that follows in the list of the current node's grandparent, or nil.
func (f *finder) after(n ast.Stmt) ast.Stmt {
	block, ok := f.parent(2).(*ast.BlockStmt)
	if !ok {
		return nil
	}
	for i, statement := range block.List {
		if statement == n && i+1 < len(block.List) {
			return block.List[i+1]
		}
	}
	return nil
}

// emptyAnyway reports whether what a check of nil guards is the same for nil: a comparison of its length with 0, or a loop over it.
func (f *finder) emptyAnyway(n *ast.BinaryExpr) bool {
	operand := f.comparedWithNil(n)
	if !isPure(operand) {
		return false
	}
	switch f.m.info.TypeOf(operand).Underlying().(type) {
	case *types.Slice, *types.Map:
	default:
		return false
	}
	text := f.m.text(operand)
	switch p := f.parent(1).(type) {
	case *ast.BinaryExpr:
		other, ok := p.Y.(*ast.BinaryExpr)
		if !ok || p.X != n || !f.isLength(other.X) || f.m.text(other.X.(*ast.CallExpr).Args[0]) != text {
			return false
		}
		value := f.m.info.Types[other.Y].Value
		if value == nil || constant.Sign(constant.ToInt(value)) != 0 {
			return false
		}
		switch {
		case p.Op == token.LAND && n.Op == token.NEQ:
			return other.Op == token.GTR || other.Op == token.NEQ
		case p.Op == token.LOR && n.Op == token.EQL:
			return other.Op == token.EQL || other.Op == token.LEQ
		}
	case *ast.IfStmt:
		if p.Cond != n || n.Op != token.NEQ || p.Else != nil || len(p.Body.List) != 1 {
			return false
		}
		loop, ok := p.Body.List[0].(*ast.RangeStmt)
		return ok && f.m.text(loop.X) == text && loop.Tok != token.ASSIGN
	}
	return false
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

// before is the statement before n in the list of the current node's grandparent, or nil.
func (f *finder) before(n ast.Stmt) ast.Stmt {
	block, ok := f.parent(2).(*ast.BlockStmt)
	if !ok {
		return nil
	}
	for i, statement := range block.List {
		if statement == n && i > 0 {
			return block.List[i-1]
		}
	}
	return nil
}

// zeroIfAbsent reports whether a check of a map's key returns the value, or else the zero value, which it then is:
// if v, ok := m[k]; ok { return v }; return 0.
func (f *finder) zeroIfAbsent(ok *ast.Ident) bool {
	statement, isIf := f.parent(1).(*ast.IfStmt)
	if !isIf || statement.Cond != ok || statement.Else != nil || len(statement.Body.List) != 1 {
		return false
	}
	assign, isAssign := statement.Init.(*ast.AssignStmt)
	if !isAssign || len(assign.Lhs) != 2 || f.m.text(assign.Lhs[1]) != ok.Name {
		return false
	}
	if _, isIndex := assign.Rhs[0].(*ast.IndexExpr); !isIndex {
		return false
	}
	then, isReturn := statement.Body.List[0].(*ast.ReturnStmt)
	otherwise, isReturnToo := f.after(statement).(*ast.ReturnStmt)
	if !isReturn || !isReturnToo || len(then.Results) != 1 || len(otherwise.Results) != 1 {
		return false
	}
	zero := f.m.info.Types[otherwise.Results[0]]
	same := types.Identical(f.m.info.TypeOf(assign.Lhs[0]), f.resultType(then, then.Results[0]))
	return same && f.m.text(then.Results[0]) == f.m.text(assign.Lhs[0]) && (zero.IsNil() || zero.Value != nil && isZero(zero.Value))
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
