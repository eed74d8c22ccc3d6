package mutation

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math/big"
	"strconv"
)

// An Operator is one kind of change to the focal file.
type Operator struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`

	find func(f *finder, n ast.Node) // adds the operator's mutants of node n
}

// Operators is the table of mutation operators; everything else derives from it. To add an operator, add a line here
// and its function below, and a case to operators_test.go.
func Operators() []Operator {
	return []Operator{
		{"conditional-boundary", "< becomes <=, > becomes >=, and the reverse", conditionalBoundary},
		{"negated-condition", "a comparison or another boolean condition becomes its opposite", negatedCondition},
		{"logical", "&& becomes ||, and the reverse", logical},
		{"arithmetic", "+ becomes -, * becomes /, and the reverse; % becomes *; a minus sign is removed", arithmetic},
		{"bitwise", "& becomes |, << becomes >>, and the reverse; ^ and &^ become &; a unary ^ is removed", bitwise},
		{"increment-decrement", "++ becomes --, and the reverse", incrementDecrement},
		{"literal", "a number grows by one, a character becomes the next one, a string empty, true false", literal},
		{"return-value", "a returned value becomes 0, \"\" or nil", returnValue},
		{"loop-control", "break becomes continue, and the reverse", loopControl},
		{"statement-removal", "a call, an assignment, or a send, go or defer statement is removed", statementRemoval},
		{"branch-removal", "the body of a branch, case or loop is removed", branchRemoval},
	}
}

func conditionalBoundary(f *finder, n ast.Node) {
	if n, ok := n.(*ast.BinaryExpr); ok {
		switch n.Op {
		case token.LSS:
			f.replaceOperator(n, token.LEQ, asCondition)
		case token.LEQ:
			f.replaceOperator(n, token.LSS, asCondition)
		case token.GTR:
			f.replaceOperator(n, token.GEQ, asCondition)
		case token.GEQ:
			f.replaceOperator(n, token.GTR, asCondition)
		}
	}
}

func negatedCondition(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if to := opposite(n.Op); to != token.ILLEGAL {
			f.replaceOperator(n, to, asCondition)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.removeOperator(n, asCondition)
		}
	}
	cond, ok := n.(ast.Expr)
	if !ok || !f.isCondition(cond) {
		return
	}
	text := "!" + f.m.text(cond)
	switch cond.(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
	default:
		text = "!(" + f.m.text(cond) + ")"
	}
	f.add(cond.Pos(), cond.End(), text, asCondition, cond)
}

func opposite(comparison token.Token) token.Token {
	switch comparison {
	case token.LSS:
		return token.GEQ
	case token.LEQ:
		return token.GTR
	case token.GTR:
		return token.LEQ
	case token.GEQ:
		return token.LSS
	case token.EQL:
		return token.NEQ
	case token.NEQ:
		return token.EQL
	}
	return token.ILLEGAL
}

func logical(f *finder, n ast.Node) {
	if n, ok := n.(*ast.BinaryExpr); ok {
		switch n.Op {
		case token.LAND:
			f.replaceOperator(n, token.LOR, asCondition)
		case token.LOR:
			f.replaceOperator(n, token.LAND, asCondition)
		}
	}
}

func arithmetic(f *finder, n ast.Node) {
	f.swapOperator(n, token.SUB, func(op token.Token) token.Token {
		switch op {
		case token.ADD:
			return token.SUB
		case token.SUB:
			return token.ADD
		case token.MUL:
			return token.QUO
		case token.QUO, token.REM:
			return token.MUL
		}
		return token.ILLEGAL
	})
}

func bitwise(f *finder, n ast.Node) {
	f.swapOperator(n, token.XOR, func(op token.Token) token.Token {
		switch op {
		case token.AND:
			return token.OR
		case token.OR, token.XOR, token.AND_NOT:
			return token.AND
		case token.SHL:
			return token.SHR
		case token.SHR:
			return token.SHL
		}
		return token.ILLEGAL
	})
}

func incrementDecrement(f *finder, n ast.Node) {
	if n, ok := n.(*ast.IncDecStmt); ok {
		to := token.INC
		if n.Tok == token.INC {
			to = token.DEC
		}
		f.replaceToken(n, n.TokPos, n.Tok, to)
	}
}

func literal(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if tv, ok := f.m.info.Types[n]; ok && tv.Value != nil {
			if text := otherLiteral(n, tv.Value); text != "" {
				f.lift(f.add(n.Pos(), n.End(), text, asValue, n), n)
			}
		}
	case *ast.Ident:
		object := f.m.info.Uses[n]
		if object == nil || object.Parent() != types.Universe {
			return
		}
		switch n.Name {
		case "true":
			f.lift(f.add(n.Pos(), n.End(), "false", asValue, n), n)
		case "false":
			f.lift(f.add(n.Pos(), n.End(), "true", asValue, n), n)
		}
	}
}

func otherLiteral(n *ast.BasicLit, value constant.Value) string {
	switch n.Kind {
	case token.INT:
		if i, ok := new(big.Int).SetString(constant.ToInt(value).ExactString(), 10); ok {
			return i.Add(i, big.NewInt(1)).String()
		}
	case token.CHAR:
		if r, ok := constant.Int64Val(constant.ToInt(value)); ok {
			return strconv.QuoteRune(rune(r) + 1)
		}
	case token.FLOAT:
		return "(" + n.Value + " + 1)"
	case token.STRING:
		if len(n.Value) > 2 {
			return `""`
		}
		return `"goutbench"`
	}
	return ""
}

// returnValue replaces one result at a time, unless it has the replacement's value already.
func returnValue(f *finder, n ast.Node) {
	statement, ok := n.(*ast.ReturnStmt)
	if !ok {
		return
	}
	for _, result := range statement.Results {
		tv := f.m.info.Types[result]
		if tuple, ok := tv.Type.(*types.Tuple); ok && tuple != nil || tv.Type == nil {
			continue
		}
		text := zeroValue(tv, f.resultType(statement, result))
		if text != "" && text != f.m.text(result) {
			f.add(result.Pos(), result.End(), text, asStatement, statement).trial = true
		}
	}
}

// zeroValue is the zero value to return instead of tv, or empty if there is none or another mutant covers it.
func zeroValue(tv types.TypeAndValue, declared types.Type) string {
	switch t := declared.Underlying().(type) {
	case *types.Basic:
		switch {
		case t.Info()&types.IsNumeric != 0:
			if tv.Value != nil && constant.Sign(tv.Value) == 0 {
				return "" // its literal has a mutant
			}
			return "0"
		case t.Info()&types.IsString != 0 && tv.Value == nil:
			return `""`
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		if !tv.IsNil() {
			return "nil"
		}
	case *types.Interface:
		if _, isParameter := types.Unalias(declared).(*types.TypeParam); !tv.IsNil() && !isParameter {
			return "nil"
		}
	}
	return ""
}

// loopControl changes break and continue only where both refer to the same loop.
func loopControl(f *finder, n ast.Node) {
	statement, ok := n.(*ast.BranchStmt)
	if !ok || statement.Label != nil {
		return
	}
	to := ""
	switch statement.Tok {
	case token.BREAK:
		to = "continue"
	case token.CONTINUE:
		to = "break"
	default:
		return
	}
	for up := 1; up <= len(f.stack); up++ {
		switch f.parent(up).(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit, *ast.FuncDecl:
			return
		case *ast.ForStmt, *ast.RangeStmt:
			f.add(statement.Pos(), statement.End(), to, asStatement, statement).trial = true
			return
		}
	}
}

func statementRemoval(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.ExprStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		f.removeStatement(n.(ast.Stmt))
	case *ast.AssignStmt:
		switch {
		case binaryOperator(n.Tok) != token.ILLEGAL:
			f.removeStatement(n)
		case n.Tok == token.ASSIGN && assignsVariable(n):
			f.removeStatement(n)
		}
	}
}

func assignsVariable(n *ast.AssignStmt) bool {
	for _, left := range n.Lhs {
		if name, ok := left.(*ast.Ident); !ok || name.Name != "_" {
			return true
		}
	}
	return false
}

func branchRemoval(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.emptyBlock(n.Body)
		if block, ok := n.Else.(*ast.BlockStmt); ok {
			f.emptyBlock(block)
		}
	case *ast.ForStmt:
		f.emptyBlock(n.Body)
	case *ast.RangeStmt:
		f.emptyBlock(n.Body)
	case *ast.CaseClause:
		f.emptyClause(n.Body)
	case *ast.CommClause:
		f.emptyClause(n.Body)
	}
}
