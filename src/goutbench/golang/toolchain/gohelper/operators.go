package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A form is how a mutant stands behind the switch.
type form int

const (
	asCondition form = iota // (M != 3 && (a < b) || M == 3 && (a <= b))
	asValue                 // func() T { if M == 3 { return a - b }; return a + b }()
	asStatement             // if M == 3 { x-- } else { x++ }
	asClosure               // func() { if M == 3 { x-- } else { x++ } }(), where only a simple statement may stand
	asBody                  // { if M == 3 { } else { the statements } }
)

// A mutation is one change of the focal file: bytes start:end become text.
type mutation struct {
	op         string
	start, end int
	text       string
	reason     string // why it is not viable
	id         int

	form     form
	from, to int        // what is put behind the switch: bytes from:to
	typ      types.Type // of an asValue
	pos      token.Pos  // of from
	unit     int        // index of the top-level declaration
	drops    bool       // whether it compiles by itself has to be tried: it drops code, or changes a constant that matters
}

var comparisons = map[token.Token][2]token.Token{ // boundary (or ILLEGAL), negation
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.ILLEGAL, token.NEQ}, token.NEQ: {token.ILLEGAL, token.EQL},
}

var arithmetic = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
}

var bitwise = map[token.Token]token.Token{
	token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND, token.AND_NOT: token.AND,
	token.SHL: token.SHR, token.SHR: token.SHL,
}

var assignments = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN, token.MUL_ASSIGN: token.QUO_ASSIGN,
	token.QUO_ASSIGN: token.MUL_ASSIGN, token.REM_ASSIGN: token.MUL_ASSIGN, token.AND_ASSIGN: token.OR_ASSIGN,
	token.OR_ASSIGN: token.AND_ASSIGN, token.XOR_ASSIGN: token.AND_ASSIGN, token.AND_NOT_ASSIGN: token.AND_ASSIGN,
	token.SHL_ASSIGN: token.SHR_ASSIGN, token.SHR_ASSIGN: token.SHL_ASSIGN,
}

// Bodies that the runtime calls in places where nothing may be added.
var fragile = regexp.MustCompile(`^//go:(nosplit|systemstack|nowritebarrier|yeswritebarrier|notinheap|uintptr)`)

// A table of more elements than this is data: its literals are left alone.
const tableElements = 100

// A finder walks the focal file and collects mutations.
type finder struct {
	m     *mutator
	stack []ast.Node
	unit  int
	found []*mutation
}

func (m *mutator) find() []*mutation {
	f := &finder{m: m}
	for i, decl := range m.focal.file.Decls {
		f.unit = i
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Body == nil {
				continue
			}
			before := len(f.found)
			f.walk(decl)
			if isFragile(decl) {
				for _, mut := range f.found[before:] {
					mut.reason = "a compiler directive of the function forbids additions"
				}
			}
		case *ast.GenDecl:
			if decl.Tok == token.VAR {
				f.walk(decl)
			}
		}
	}
	return f.found
}

func isFragile(fn *ast.FuncDecl) bool {
	if fn.Doc == nil {
		return false
	}
	for _, comment := range fn.Doc.List {
		if fragile.MatchString(comment.Text) {
			return true
		}
	}
	return false
}

func (f *finder) walk(root ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		if !f.enter(n) {
			return false
		}
		f.visit(n)
		f.stack = append(f.stack, n)
		return true
	})
}

// enter says whether to look inside n: not at types, constants' declarations or tables.
func (f *finder) enter(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.FuncType, *ast.StructType, *ast.InterfaceType, *ast.Field:
		return false
	case *ast.ArrayType:
		return false
	case *ast.CompositeLit:
		return len(n.Elts) <= tableElements
	case ast.Expr:
		return !f.m.info.Types[n].IsType()
	}
	return true
}

func (f *finder) parent(up int) ast.Node {
	if up > len(f.stack) {
		return nil
	}
	return f.stack[len(f.stack)-up]
}

func (f *finder) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.UnaryExpr:
		f.unary(n)
	case *ast.BasicLit:
		f.literal(n)
	case *ast.Ident:
		f.boolean(n)
	case *ast.IncDecStmt:
		f.swap(n, n.TokPos, n.Tok.String(), map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok], "increment-decrement")
	case *ast.AssignStmt:
		f.assign(n)
	case *ast.ExprStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		f.remove(n.(ast.Stmt))
	case *ast.ReturnStmt:
		f.returned(n)
	case *ast.BranchStmt:
		f.branch(n)
	case *ast.IfStmt:
		f.body(n.Body.Lbrace+1, n.Body.Rbrace, n.Body.List)
		if block, ok := n.Else.(*ast.BlockStmt); ok {
			f.body(block.Lbrace+1, block.Rbrace, block.List)
		}
	case *ast.ForStmt:
		f.body(n.Body.Lbrace+1, n.Body.Rbrace, n.Body.List)
	case *ast.RangeStmt:
		f.body(n.Body.Lbrace+1, n.Body.Rbrace, n.Body.List)
	case *ast.CaseClause:
		if len(n.Body) > 0 {
			f.body(n.Body[0].Pos(), n.Body[len(n.Body)-1].End(), n.Body)
		}
	case *ast.CommClause:
		if len(n.Body) > 0 {
			f.body(n.Body[0].Pos(), n.Body[len(n.Body)-1].End(), n.Body)
		}
	}
	if cond, ok := n.(ast.Expr); ok && f.isCondition(cond) {
		f.negate(cond)
	}
}

func (f *finder) add(op string, at, to token.Pos, text string, shape form, node ast.Node) *mutation {
	m := &mutation{
		op: op, start: f.m.offset(at), end: f.m.offset(to), text: text, form: shape, unit: f.unit,
		from: f.m.offset(node.Pos()), to: f.m.offset(node.End()), pos: node.Pos(),
	}
	f.found = append(f.found, m)
	return m
}

func (f *finder) binary(n *ast.BinaryExpr) {
	tv := f.m.info.Types[n]
	operator := func(op string, to token.Token, shape form) {
		m := f.add(op, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String(), shape, n)
		m.typ = tv.Type
		if tv.Value != nil {
			f.lift(m, n)
		}
	}
	if pair, ok := comparisons[n.Op]; ok {
		if pair[0] != token.ILLEGAL {
			operator("conditional-boundary", pair[0], asCondition)
		}
		operator("negated-condition", pair[1], asCondition)
	}
	switch n.Op {
	case token.LAND:
		operator("logical", token.LOR, asCondition)
	case token.LOR:
		operator("logical", token.LAND, asCondition)
	}
	if to, ok := arithmetic[n.Op]; ok && !isString(tv.Type) {
		operator("arithmetic", to, asValue)
	}
	if to, ok := bitwise[n.Op]; ok {
		operator("bitwise", to, asValue)
	}
}

func isString(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

func (f *finder) unary(n *ast.UnaryExpr) {
	tv := f.m.info.Types[n]
	op, shape := "", asValue
	switch n.Op {
	case token.NOT:
		op, shape = "negated-condition", asCondition
	case token.SUB:
		op = "arithmetic"
	case token.XOR:
		op = "bitwise"
	default:
		return
	}
	m := f.add(op, n.OpPos, n.X.Pos(), "", shape, n)
	m.typ = tv.Type
	if tv.Value != nil {
		f.lift(m, n)
	}
}

// isCondition: a boolean that decides something and is not itself made of comparisons or logic, which have mutants
// of their own.
func (f *finder) isCondition(n ast.Expr) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr, *ast.ParenExpr, *ast.BasicLit, *ast.CompositeLit, *ast.FuncLit:
		return false
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			return false
		}
	}
	tv, ok := f.m.info.Types[n]
	if !ok || tv.Value != nil || !tv.IsValue() {
		return false
	}
	if basic, ok := tv.Type.Underlying().(*types.Basic); !ok || basic.Info()&types.IsBoolean == 0 {
		return false
	}
	switch p := f.parent(1).(type) {
	case *ast.IfStmt:
		return p.Cond == n
	case *ast.ForStmt:
		return p.Cond == n
	case *ast.BinaryExpr:
		return p.Op == token.LAND || p.Op == token.LOR
	case *ast.ReturnStmt:
		return true
	}
	return false
}

func (f *finder) negate(n ast.Expr) {
	text := "!" + f.m.text(n)
	switch n.(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
	default:
		text = "!(" + f.m.text(n) + ")"
	}
	f.add("negated-condition", n.Pos(), n.End(), text, asCondition, n)
}

func (f *finder) literal(n *ast.BasicLit) {
	tv, ok := f.m.info.Types[n]
	if !ok || tv.Value == nil {
		return
	}
	text := changed(n, tv.Value)
	if text == "" {
		return
	}
	m := f.add("literal", n.Pos(), n.End(), text, asValue, n)
	m.typ = tv.Type
	f.lift(m, n)
}

func changed(n *ast.BasicLit, value constant.Value) string {
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

func (f *finder) boolean(n *ast.Ident) {
	object := f.m.info.Uses[n]
	if object == nil || object.Parent() != types.Universe || n.Name != "true" && n.Name != "false" {
		return
	}
	m := f.add("literal", n.Pos(), n.End(), map[string]string{"true": "false", "false": "true"}[n.Name], asValue, n)
	m.typ = f.m.info.Types[n].Type
	f.lift(m, n)
}

// lift moves a change inside a constant expression to the whole of it: only there a value known at run time may stand.
func (f *finder) lift(m *mutation, n ast.Expr) {
	top := n
	up := 1
	for ; ; up++ {
		e, ok := f.parent(up).(ast.Expr)
		if !ok || f.m.info.Types[e].Value == nil {
			break
		}
		top = e
	}
	m.form, m.from, m.to, m.pos = asValue, f.m.offset(top.Pos()), f.m.offset(top.End()), top.Pos()
	m.typ = f.m.info.Types[top].Type
	m.drops = f.constantMatters(f.parent(up), top)
}

// constantMatters: the compiler refuses some constants here that it takes as values known at run time (an index out
// of range, a duplicate case), so the change has to be tried without the switch.
func (f *finder) constantMatters(parent ast.Node, n ast.Expr) bool {
	switch p := parent.(type) {
	case *ast.KeyValueExpr:
		return p.Key == n
	case *ast.CaseClause, *ast.SliceExpr:
		return true
	case *ast.IndexExpr:
		return p.Index == n
	case *ast.CallExpr:
		return f.m.info.Types[p.Fun].IsBuiltin()
	case *ast.BinaryExpr:
		return p.Op == token.QUO || p.Op == token.REM || p.Op == token.SHL || p.Op == token.SHR
	}
	return false
}

func (f *finder) assign(n *ast.AssignStmt) {
	if to, ok := assignments[n.Tok]; ok {
		if !isString(f.m.info.TypeOf(n.Lhs[0])) {
			op := "arithmetic"
			if n.Tok >= token.AND_ASSIGN {
				op = "bitwise"
			}
			f.swap(n, n.TokPos, n.Tok.String(), to.String(), op)
		}
		f.remove(n)
		return
	}
	if n.Tok != token.ASSIGN {
		return
	}
	for _, left := range n.Lhs {
		if name, ok := left.(*ast.Ident); !ok || name.Name != "_" {
			f.remove(n)
			return
		}
	}
}

// swap changes the operator of a simple statement.
func (f *finder) swap(n ast.Stmt, at token.Pos, old, to, op string) {
	shape := asStatement
	if !f.inList() {
		shape = asClosure
	}
	f.add(op, at, at+token.Pos(len(old)), to, shape, n)
}

// inList: the node at hand stands in a list of statements, where an if statement could stand as well.
func (f *finder) inList() bool {
	switch f.parent(1).(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.LabeledStmt:
		return true
	}
	return false
}

// remove takes a statement away. The communication of a select and the header of a for are no statements of a list.
func (f *finder) remove(n ast.Stmt) {
	if comm, ok := f.parent(1).(*ast.CommClause); ok && comm.Comm == n || !f.inList() && !ok {
		return
	}
	if _, labeled := f.parent(1).(*ast.LabeledStmt); labeled {
		return
	}
	f.add("statement-removal", n.Pos(), n.End(), "", asStatement, n).drops = true
}

// branch turns break into continue and back, where both mean the same loop.
func (f *finder) branch(n *ast.BranchStmt) {
	if n.Label != nil || n.Tok != token.BREAK && n.Tok != token.CONTINUE {
		return
	}
	for up := 1; up <= len(f.stack); up++ {
		switch f.parent(up).(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit, *ast.FuncDecl:
			return
		case *ast.ForStmt, *ast.RangeStmt:
			to := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[n.Tok]
			f.add("loop-control", n.Pos(), n.End(), to, asStatement, n).drops = true
			return
		}
	}
}

// body empties a branch or a loop.
func (f *finder) body(from, to token.Pos, list []ast.Stmt) {
	if len(list) == 0 {
		return
	}
	if last, ok := list[len(list)-1].(*ast.BranchStmt); ok && last.Tok == token.FALLTHROUGH {
		return
	}
	start, end := list[0].Pos(), list[len(list)-1].End()
	m := f.add("branch-removal", start, end, "", asBody, list[0])
	m.from, m.to, m.drops = f.m.offset(from), f.m.offset(to), true
}

// returned replaces one result by its zero value (or by another when it is that already).
func (f *finder) returned(n *ast.ReturnStmt) {
	for _, result := range n.Results {
		tv := f.m.info.Types[result]
		if tuple, ok := tv.Type.(*types.Tuple); ok && tuple != nil || tv.Type == nil {
			continue
		}
		text := zero(tv, f.resultType(n, result))
		if text == "" || text == f.m.text(result) {
			continue
		}
		f.add("return-value", result.Pos(), result.End(), text, asStatement, n).drops = true
	}
}

// resultType is the declared type of that result: what nil or 0 has to fit.
func (f *finder) resultType(n *ast.ReturnStmt, result ast.Expr) types.Type {
	for up := 1; up <= len(f.stack); up++ {
		var signature types.Type
		switch fn := f.parent(up).(type) {
		case *ast.FuncLit:
			signature = f.m.info.TypeOf(fn)
		case *ast.FuncDecl:
			if object := f.m.info.Defs[fn.Name]; object != nil {
				signature = object.Type()
			}
		default:
			continue
		}
		if signature, ok := signature.(*types.Signature); ok {
			for i, other := range n.Results {
				if other == result && i < signature.Results().Len() {
					return signature.Results().At(i).Type()
				}
			}
		}
		break
	}
	return f.m.info.TypeOf(result)
}

func zero(tv types.TypeAndValue, declared types.Type) string {
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
		if _, open := types.Unalias(declared).(*types.TypeParam); !tv.IsNil() && !open {
			return "nil"
		}
	}
	return ""
}

func functionName(decl ast.Decl, src func(ast.Node) string) string {
	fn, ok := decl.(*ast.FuncDecl)
	if !ok {
		return ""
	}
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	return "(" + strings.Join(strings.Fields(src(fn.Recv.List[0].Type)), " ") + ")." + fn.Name.Name
}
