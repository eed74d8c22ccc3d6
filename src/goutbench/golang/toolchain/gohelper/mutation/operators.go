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
	Name    string `json:"name"`
	Doc     string `json:"doc"`
	Example string `json:"example"`

	find func(f *finder, n ast.Node) // adds the operator's mutants of node n
}

// Operators is the table of mutation operators; everything else derives from it. To add an operator, add a line here
// and its function below, and a case to operators_test.go.
func Operators() []Operator {
	return []Operator{
		{"conditional-boundary", "< becomes <=, > becomes >=, and the reverse", "i < n → i <= n", conditionalBoundary},
		{"negated-condition", "a comparison or another boolean condition becomes its opposite", "a == b → a != b", negatedCondition},
		{"logical", "&& becomes ||, and the reverse", "a && b → a || b", logical},
		{"arithmetic", "+ becomes -, * becomes /, and the reverse; % becomes *; a minus sign is removed", "a + b → a - b", arithmetic},
		{"bitwise", "& becomes |, << becomes >>, and the reverse; ^ and &^ become &; a unary ^ is removed", "a & b → a | b", bitwise},
		{"increment-decrement", "++ becomes --, and the reverse", "i++ → i--", incrementDecrement},
		{"literal", "a number grows by one, a character becomes the next one, a string empty, true false", "10 → 11", literal},
		{"return-value", "a returned value becomes the zero value of its type", "return n → return 0", returnValue},
		{"zero-field", "a field of a struct literal gets the zero value of its type", "T{Name: name} → T{Name: \"\"}", zeroField},
		{"error-check", "a comparison of an error with nil finds no error", "err != nil → false", errorCheck},
		{"nil-check", "a comparison of another value with nil finds a value", "p == nil → false", nilCheck},
		{"comma-ok", "the check of a map's key, a type assertion or a receive always succeeds", "if !ok → if !true", commaOK},
		{"wrong-error", "an error is not wrapped, or is another one of its package", "%w → %v, io.EOF → io.ErrClosedPipe", wrongError},
		{"slice-bound", "a bound of a slice expression moves by one", "s[:n] → s[:n-1]", sliceBound},
		{"alias", "the original takes the place of a copy", "slices.Clone(s) → s", aliased},
		{"loop-control", "break becomes continue, and the reverse", "break → continue", loopControl},
		{"statement-removal", "a call, an assignment, or a send or go statement is removed", "log(x) → nothing", statementRemoval},
		{"cleanup-removal", "a defer statement, or a call like Unlock or Close, is removed", "defer mu.Unlock() → nothing", cleanupRemoval},
		{"undeferred", "a deferred call is made at once", "defer f.Close() → f.Close()", undeferred},
		{"branch-removal", "the body of a branch, case or loop is removed", "if a { f() } → if a { }", branchRemoval},
		{"select-case", "a case of a select statement is removed", "case <-done: return → nothing", selectCase},
		{"synchronous", "a goroutine becomes a call", "go f() → f()", synchronous},
		{"channel-capacity", "an unbuffered channel holds one value, a buffered one none", "make(chan T) → make(chan T, 1)", channelCapacity},
		{"context", "a new context is passed on instead of the caller's", "f(ctx) → f(context.Background())", contextReplaced},
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
		text := f.zeroValue(result, f.resultType(statement, result))
		if text != "" && text != f.m.text(result) {
			f.add(result.Pos(), result.End(), text, asStatement, statement).trial = true
		}
	}
}

// zeroValue is the zero value to return instead of a result, or empty if there is none or another mutant covers it.
func (f *finder) zeroValue(result ast.Expr, declared types.Type) string {
	tv := f.m.info.Types[result]
	if _, ok := types.Unalias(declared).(*types.TypeParam); ok {
		return f.zeroComposite(result, declared)
	}
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
	default:
		if !tv.IsNil() {
			return f.zeroComposite(result, declared)
		}
	}
	return ""
}

// loopControl changes break and continue only where both refer to the same loop.
func loopControl(f *finder, n ast.Node) {
	statement, ok := n.(*ast.BranchStmt)
	if !ok {
		return
	}
	to := token.CONTINUE
	switch statement.Tok {
	case token.BREAK:
	case token.CONTINUE:
		to = token.BREAK
	default:
		return
	}
	if f.refersToLoop(statement) {
		f.add(statement.TokPos, statement.TokPos+token.Pos(len(statement.Tok.String())), to.String(), asStatement, statement).trial = true
	}
}

func (f *finder) refersToLoop(statement *ast.BranchStmt) bool {
	for up := 1; up <= len(f.stack); up++ {
		switch node := f.parent(up).(type) {
		case *ast.LabeledStmt:
			if statement.Label != nil && node.Label.Name == statement.Label.Name {
				return isLoop(node.Stmt)
			}
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			if statement.Label == nil {
				return false
			}
		case *ast.FuncLit:
			return false
		case *ast.ForStmt, *ast.RangeStmt:
			if statement.Label == nil {
				return true
			}
		}
	}
	return false
}

func isLoop(n ast.Stmt) bool {
	switch n.(type) {
	case *ast.ForStmt, *ast.RangeStmt:
		return true
	}
	return false
}

func statementRemoval(f *finder, n ast.Node) {
	if isCleanup(n) {
		return
	}
	switch n := n.(type) {
	case *ast.ExprStmt, *ast.SendStmt, *ast.GoStmt:
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
		if !f.hasDroppedCheck(n) {
			f.emptyBlock(n.Body)
		}
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
