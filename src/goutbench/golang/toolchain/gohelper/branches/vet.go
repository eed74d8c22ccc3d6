package branches

import (
	"go/ast"
	"go/token"
	"go/types"
)

// refused returns the && and || expressions that vet's check "bools" could refuse, as `n == 1 || n == 1`. It sees what go tool
// cover writes, and finds nothing in the arguments of a call: no counter may stand in such an expression.
func (d *describer) refused(file *ast.File) (found []ast.Node) {
	chained := map[*ast.BinaryExpr]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		n, ok := node.(*ast.BinaryExpr)
		if ok && isLogical(n) && !chained[n] && d.repeats(n.Op, chain(n, n.Op, chained)) {
			found = append(found, n)
		}
		return true
	})
	return found
}

// chain returns the operands of expressions that one operator connects, and marks those expressions.
func chain(e ast.Expr, op token.Token, chained map[*ast.BinaryExpr]bool) []ast.Expr {
	e = ast.Unparen(e)
	n, ok := e.(*ast.BinaryExpr)
	if !ok || n.Op != op {
		return []ast.Expr{e}
	}
	chained[n] = true
	return append(chain(n.X, op, chained), chain(n.Y, op, chained)...)
}

// repeats tells whether an operand occurs twice, or two compare the same with a constant (`x != a || x != b`, `x == a && x == b`).
func (d *describer) repeats(op token.Token, operands []ast.Expr) bool {
	comparison := token.EQL
	if op == token.LOR {
		comparison = token.NEQ
	}
	seen, compared := map[string]bool{}, map[string]bool{}
	again := func(texts map[string]bool, e ast.Expr) bool {
		text := types.ExprString(e)
		before := texts[text]
		texts[text] = true
		return before
	}
	for _, operand := range operands {
		if d.calls(operand) {
			continue
		}
		if again(seen, operand) {
			return true
		}
		n, ok := operand.(*ast.BinaryExpr)
		if !ok || n.Op != comparison {
			continue
		}
		if d.mayBeConstant(n.Y) && again(compared, n.X) || d.mayBeConstant(n.X) && again(compared, n.Y) {
			return true
		}
	}
	return false
}

// calls tells whether an expression calls a function that is not built-in, or receives: vet does not compare it with others.
func (d *describer) calls(e ast.Expr) (found bool) {
	ast.Inspect(e, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			callee := d.info.Types[n.Fun]
			found = found || callee.Type != nil && !callee.IsType() && !callee.IsBuiltin()
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		}
		return !found
	})
	return found
}

// mayBeConstant is true for what has no known type, too.
func (d *describer) mayBeConstant(e ast.Expr) bool {
	t := d.info.Types[e]
	return t.Value != nil || t.Type == nil || t.Type == types.Typ[types.Invalid]
}
