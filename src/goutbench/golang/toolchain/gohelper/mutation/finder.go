package mutation

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
)

// A form is the syntax of a site behind the switch.
type form int

const (
	asCondition form = iota // (M != 3 && (a < b) || M == 3 && (a <= b))
	asValue                 // func() T { if M == 3 { return a - b }; return a + b }()
	asStatement             // if M == 3 { x-- } else { x++ }
	asClosure               // func() { if M == 3 { x-- } else { x++ } }(), where only a simple statement is allowed
	asBody                  // { if M == 3 { } else { the statements } }
)

// A mutant is one change of the focal file: bytes start:end become text.
type mutant struct {
	operator   string
	start, end int
	text       string
	reason     string // why it is not viable
	proof      string // why it behaves as the original
	id         int

	form     form
	from, to int        // the site: bytes from:to are behind the switch
	typ      types.Type // of an asValue site
	pos      token.Pos  // of from
	unit     int        // index of the top-level declaration
	trial    bool       // must be compiled without the switch: it removes code, or changes a constant that Go checks
	keep     string     // a statement that uses what the original uses
}

// isTested reports whether the mutant is behind the switch.
func (mut *mutant) isTested() bool { return mut.reason == "" && mut.proof == "" }

// copied is the number of bytes of the focal file that the mutant repeats behind the switch.
func (mut *mutant) copied() int {
	if mut.form == asBody || mut.form == asStatement && mut.start == mut.from && mut.end == mut.to {
		return 0
	}
	return mut.to - mut.from
}

// fragile matches the directives of functions that the runtime calls where additional code is not allowed.
var fragile = regexp.MustCompile(`^//go:(nosplit|systemstack|nowritebarrier|yeswritebarrier|notinheap|uintptr)`)

// A literal of more elements than this is data: its elements have no mutants.
const maxElements = 100

// A finder walks the focal file and collects mutants.
type finder struct {
	m        *mutator
	operator Operator // the current one
	stack    []ast.Node
	unit     int
	mutants  []*mutant
}

// find returns the mutants of all operators, in the order of the nodes.
func (m *mutator) find() []*mutant {
	f := &finder{m: m}
	operators := Operators()
	for i, decl := range m.focal.Syntax.Decls {
		f.unit = i
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Body == nil {
				continue
			}
			before := len(f.mutants)
			f.walk(decl, operators)
			if isFragile(decl) {
				for _, mut := range f.mutants[before:] {
					mut.reason = "a compiler directive of the function forbids additions"
				}
			}
		case *ast.GenDecl:
			if decl.Tok == token.VAR {
				f.walk(decl, operators)
			}
		}
	}
	return f.mutants
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

func (f *finder) walk(root ast.Node, operators []Operator) {
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		if !f.enters(n) {
			return false
		}
		for _, operator := range operators {
			f.operator = operator
			before := len(f.mutants)
			operator.find(f, n)
			for _, mut := range f.mutants[before:] {
				mut.proof = f.prove(mut, n)
			}
		}
		f.stack = append(f.stack, n)
		return true
	})
}

// enters reports whether n can contain mutants: types, declarations of constants, and data cannot.
func (f *finder) enters(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.FuncType, *ast.StructType, *ast.InterfaceType, *ast.Field:
		return false
	case *ast.ArrayType:
		return false
	case *ast.CompositeLit:
		return len(n.Elts) <= maxElements
	case ast.Expr:
		return !f.m.info.Types[n].IsType()
	}
	return true
}

// parent is the ancestor of the current node, up levels above it, or nil.
func (f *finder) parent(up int) ast.Node {
	if up > len(f.stack) {
		return nil
	}
	return f.stack[len(f.stack)-up]
}

// add adds a mutant in which text replaces at:to. site is the node to put behind the switch.
func (f *finder) add(at, to token.Pos, text string, shape form, site ast.Node) *mutant {
	mut := &mutant{
		operator: f.operator.Name, start: f.m.offset(at), end: f.m.offset(to), text: text, form: shape, unit: f.unit,
		from: f.m.offset(site.Pos()), to: f.m.offset(site.End()), pos: site.Pos(),
	}
	f.mutants = append(f.mutants, mut)
	return mut
}

// ── expressions ────────────────────────────────────────────────────────────────────────────────────

func (f *finder) replaceOperator(n *ast.BinaryExpr, to token.Token, shape form) {
	mut := f.add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String(), shape, n)
	f.setValueType(mut, n)
}

func (f *finder) removeOperator(n *ast.UnaryExpr, shape form) {
	f.setValueType(f.add(n.OpPos, n.X.Pos(), "", shape, n), n)
}

func (f *finder) setValueType(mut *mutant, n ast.Expr) {
	tv := f.m.info.Types[n]
	mut.typ = tv.Type
	if tv.Value != nil {
		f.lift(mut, n)
	}
}

// swapOperator replaces an operator in an expression or assignment by other(operator), and removes the sign of a value.
func (f *finder) swapOperator(n ast.Node, sign token.Token, other func(token.Token) token.Token) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if to := other(n.Op); to != token.ILLEGAL && !isString(f.m.info.TypeOf(n)) {
			f.replaceOperator(n, to, asValue)
		}
	case *ast.UnaryExpr:
		if n.Op == sign {
			f.removeOperator(n, asValue)
		}
	case *ast.AssignStmt:
		if to := other(binaryOperator(n.Tok)); to != token.ILLEGAL && !isString(f.m.info.TypeOf(n.Lhs[0])) {
			f.replaceToken(n, n.TokPos, n.Tok, to-token.ADD+token.ADD_ASSIGN)
		}
	}
}

// binaryOperator is the + of +=, or ILLEGAL for other tokens.
func binaryOperator(assignment token.Token) token.Token {
	if assignment < token.ADD_ASSIGN || token.AND_NOT_ASSIGN < assignment {
		return token.ILLEGAL
	}
	return assignment - token.ADD_ASSIGN + token.ADD // go/token declares both in the same order
}

func isString(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// isCondition reports whether n is a boolean that decides something. Comparisons and logical operators are not included:
// they have mutants of their own.
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

// lift extends the site of a change in a constant expression to the complete expression: only that can be a value that
// is computed at run time.
func (f *finder) lift(mut *mutant, n ast.Expr) {
	top := n
	up := 1
	for ; ; up++ {
		e, ok := f.parent(up).(ast.Expr)
		if !ok || f.m.info.Types[e].Value == nil {
			break
		}
		top = e
	}
	mut.form, mut.from, mut.to, mut.pos = asValue, f.m.offset(top.Pos()), f.m.offset(top.End()), top.Pos()
	mut.typ = f.m.info.Types[top].Type
	mut.trial = f.checksConstants(f.parent(up), top)
}

// checksConstants reports whether the compiler checks the value of a constant n in this parent (an index out of range, a
// duplicate case), and would not check a value that is computed at run time.
func (f *finder) checksConstants(parent ast.Node, n ast.Expr) bool {
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

// ── statements ─────────────────────────────────────────────────────────────────────────────────────

// replaceToken replaces the operator of a simple statement.
func (f *finder) replaceToken(n ast.Stmt, at token.Pos, old, to token.Token) {
	shape := asStatement
	if !f.inList() {
		shape = asClosure
	}
	f.add(at, at+token.Pos(len(old.String())), to.String(), shape, n)
}

// inList reports whether the current node is in a list of statements, where an if statement is allowed.
func (f *finder) inList() bool {
	switch f.parent(1).(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.LabeledStmt:
		return true
	}
	return false
}

// removeStatement removes a statement of a list: not the communication of a select, nor a part of a for statement.
func (f *finder) removeStatement(n ast.Stmt) {
	if f.isListed(n) {
		f.add(n.Pos(), n.End(), "", asStatement, n).trial = true
	}
}

// isListed reports whether the current node is a statement in a list, without a label.
func (f *finder) isListed(n ast.Stmt) bool {
	switch p := f.parent(1).(type) {
	case *ast.CommClause:
		return p.Comm != n
	case *ast.LabeledStmt:
		return false
	}
	return f.inList()
}

func (f *finder) emptyBlock(block *ast.BlockStmt) {
	f.removeBody(block.Lbrace+1, block.Rbrace, block.List)
}

func (f *finder) emptyClause(list []ast.Stmt) {
	if len(list) > 0 {
		f.removeBody(list[0].Pos(), list[len(list)-1].End(), list)
	}
}

// removeBody removes a list of statements; from:to is its site.
func (f *finder) removeBody(from, to token.Pos, list []ast.Stmt) {
	if len(list) == 0 {
		return
	}
	if last, ok := list[len(list)-1].(*ast.BranchStmt); ok && last.Tok == token.FALLTHROUGH {
		return
	}
	mut := f.add(list[0].Pos(), list[len(list)-1].End(), "", asBody, list[0])
	mut.from, mut.to, mut.trial = f.m.offset(from), f.m.offset(to), true
}

// resultType is the declared type of a result: the type that nil or 0 must be assignable to.
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
