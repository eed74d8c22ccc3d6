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
