package mutation

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
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
		if e, ok := n.(ast.Expr); ok && f.isMapHint(e) {
			return provedCapacity
		}
		literal, ok := n.(*ast.BasicLit)
		if ok && f.isRoom(literal) {
			return provedCapacity
		}
		if ok && f.splitsForFirst(literal) {
			return provedFirst
		}
	case "statement-removal":
		statement, ok := n.(*ast.ExprStmt)
		if ok && f.onlyGrows(statement.X) {
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
// included: 0 equals -0. Nor are values that become interfaces: there equal numbers may have different types.
func (f *finder) takesEither(n *ast.BinaryExpr) bool {
	statement, ok := f.parent(1).(*ast.IfStmt)
	if !ok || statement.Cond != n || !f.isPure(n.X) || !f.isPure(n.Y) {
		return false
	}
	basic, ok := f.m.info.TypeOf(n.X).Underlying().(*types.Basic)
	if !ok || basic.Info()&(types.IsInteger|types.IsString) == 0 || len(statement.Body.List) != 1 {
		return false
	}
	switch then := statement.Body.List[0].(type) {
	case *ast.AssignStmt:
		return f.setsEither(n, then, statement.Else)
	case *ast.ReturnStmt:
		other, ok := f.after(statement).(*ast.ReturnStmt)
		return ok && statement.Init == nil && statement.Else == nil && f.returnsEither(n, then) && f.returnsEither(n, other)
	}
	return false
}

// setsEither reports whether a variable gets an operand of a comparison, and else the other one, or is the other one.
func (f *finder) setsEither(n *ast.BinaryExpr, then *ast.AssignStmt, otherwise ast.Stmt) bool {
	if then.Tok != token.ASSIGN || len(then.Lhs) != 1 || !f.isPure(then.Lhs[0]) {
		return false
	}
	target, typ := f.m.text(then.Lhs[0]), f.m.info.TypeOf(then.Lhs[0])
	if !f.isEither(n, then.Rhs[0], typ) {
		return false
	}
	if otherwise == nil {
		return f.isEither(n, then.Lhs[0], typ) && target != f.m.text(then.Rhs[0])
	}
	block, ok := otherwise.(*ast.BlockStmt)
	if !ok || len(block.List) != 1 {
		return false
	}
	other, ok := block.List[0].(*ast.AssignStmt)
	return ok && other.Tok == token.ASSIGN && len(other.Lhs) == 1 && f.m.text(other.Lhs[0]) == target && f.isEither(n, other.Rhs[0], typ)
}

func (f *finder) returnsEither(n *ast.BinaryExpr, statement *ast.ReturnStmt) bool {
	return len(statement.Results) == 1 && f.isEither(n, statement.Results[0], f.resultType(statement, statement.Results[0]))
}

// isEither reports whether an expression is an operand of a comparison, and has a type without a conversion.
func (f *finder) isEither(n *ast.BinaryExpr, e ast.Expr, typ types.Type) bool {
	text, own := f.m.text(e), f.m.info.TypeOf(e)
	return own != nil && typ != nil && types.Identical(own, typ) && (text == f.m.text(n.X) || text == f.m.text(n.Y))
}

// isUnequal reports whether the operands of a comparison cannot be equal there: if a != b { return a < b }, or
// if a == 0 { … } else if a < 0 { … }.
func (f *finder) isUnequal(n *ast.BinaryExpr) bool {
	if !f.isPure(n.X) || !f.isPure(n.Y) {
		return false
	}
	var check *ast.IfStmt
	want := token.NEQ
	switch p := f.parent(1).(type) {
	case *ast.ReturnStmt:
		block, _ := f.parent(2).(*ast.BlockStmt)
		check, _ = f.parent(3).(*ast.IfStmt)
		if check == nil || check.Body != block || block.List[0] != p || len(p.Results) != 1 { // another result may change an operand
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

// isPure reports whether an expression only reads variables, their fields and lengths. It may panic: a pointer may be nil.
func (f *finder) isPure(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident, *ast.BasicLit:
		return true
	case *ast.ParenExpr:
		return f.isPure(e.X)
	case *ast.SelectorExpr:
		return f.isPure(e.X)
	case *ast.CallExpr:
		return f.isBuiltin(e, "len") && f.isPure(e.Args[0])
	}
	return false
}

// isSafe reports whether an expression is pure and cannot panic, so that it can be removed.
func (f *finder) isSafe(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return f.isSafe(e.X)
	case *ast.SelectorExpr:
		selection := f.m.info.Selections[e]
		if selection == nil { // of a package
			return true
		}
		return selection.Kind() == types.FieldVal && !selection.Indirect() && f.isSafe(e.X)
	case *ast.CallExpr:
		return f.isBuiltin(e, "len") && f.isSafe(e.Args[0])
	}
	return f.isPure(e)
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
	if !f.isPure(operand) {
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
		if !ok || p.X != n || !f.isLength(other.X) || f.m.text(ast.Unparen(other.X).(*ast.CallExpr).Args[0]) != text {
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
	if !isAssign || assign.Tok != token.DEFINE || len(assign.Lhs) != 2 || f.m.text(assign.Lhs[1]) != ok.Name {
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
	typ := f.resultType(then, then.Results[0])
	same := types.Identical(f.m.info.TypeOf(assign.Lhs[0]), typ)
	return same && f.m.text(then.Results[0]) == f.m.text(assign.Lhs[0]) && f.isZeroOf(otherwise.Results[0], typ)
}

// isZeroOf reports whether an expression is nil or a constant that is the zero value of a type. In an interface, 0 is not.
func (f *finder) isZeroOf(e ast.Expr, typ types.Type) bool {
	tv := f.m.info.Types[e]
	_, basic := typ.Underlying().(*types.Basic)
	return tv.IsNil() || basic && tv.Value != nil && isZero(tv.Value)
}
