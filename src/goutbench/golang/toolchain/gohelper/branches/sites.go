// Package branches finds the branches of a file, and puts counters of their outcomes beside those of go tool cover.
//
// A branch is a place with two or more outcomes: a condition, a loop over a range, a switch or a select statement. The same
// walk finds them in a file and in what go tool cover makes of it, in the same order.
package branches

import (
	"go/ast"
	"go/token"
)

// A site is a branch in a syntax tree.
type site struct {
	node     ast.Node
	kind     string
	clauses  []ast.Stmt        // of a switch or select statement
	complete bool              // whether one of the clauses always runs
	label    *ast.LabeledStmt  // of a loop or switch statement
	jumps    []*ast.BranchStmt // of a loop over a range: what jumps it before its end
	falls    []*ast.BranchStmt // of a switch: what falls through
}

const (
	ifKind, forKind, rangeKind, switchKind, selectKind = "if", "for", "range", "switch", "select"
	andKind, orKind                                    = "operand of &&", "operand of ||"
)

// isCondition tells whether the outcomes are true and false.
func (s *site) isCondition() bool { return s.kind == ifKind || s.kind == forKind || s.isOperand() }

func (s *site) isOperand() bool { return s.kind == andKind || s.kind == orKind }

// outcomes is how many outcomes the site has.
func (s *site) outcomes() int {
	switch {
	case s.isCondition() || s.kind == rangeKind:
		return 2
	case s.complete:
		return len(s.clauses)
	}
	return len(s.clauses) + 1
}

// find returns the branches of declarations in the order of the text.
func find(decls []ast.Decl) []*site {
	f := &finder{labels: map[ast.Stmt]*ast.LabeledStmt{}, inner: map[ast.Expr]bool{}}
	for _, decl := range decls {
		ast.Inspect(decl, f.visit)
	}
	return f.sites
}

type finder struct {
	sites  []*site
	labels map[ast.Stmt]*ast.LabeledStmt
	inner  map[ast.Expr]bool // && and || whose operands are known
}

func (f *finder) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.LabeledStmt:
		f.labels[n.Stmt] = n
	case *ast.IfStmt:
		f.decision(n.Cond, ifKind)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.decision(n.Cond, forKind)
		}
	case *ast.BinaryExpr:
		if isLogical(n) && !f.inner[n] {
			f.operands(n)
		}
	case *ast.RangeStmt:
		s := &site{node: n, kind: rangeKind, label: f.labels[n]}
		s.jumps = breaks(n.Body, s.label)
		f.sites = append(f.sites, s)
	case *ast.SwitchStmt:
		f.clauses(n, switchKind, n.Body)
	case *ast.TypeSwitchStmt:
		f.clauses(n, switchKind, n.Body)
	case *ast.SelectStmt:
		f.clauses(n, selectKind, n.Body)
	}
	return true
}

// decision adds a condition, unless it consists of operands: their outcomes are then its outcomes.
func (f *finder) decision(cond ast.Expr, kind string) {
	if binary, ok := stripped(cond).(*ast.BinaryExpr); !ok || !isLogical(binary) {
		f.sites = append(f.sites, &site{node: cond, kind: kind})
	}
}

// operands adds the operands of a && or ||, and those of operands that are such expressions.
func (f *finder) operands(n *ast.BinaryExpr) {
	f.inner[n] = true
	kind := andKind
	if n.Op == token.LOR {
		kind = orKind
	}
	for _, operand := range []ast.Expr{n.X, n.Y} {
		if binary, ok := stripped(operand).(*ast.BinaryExpr); ok && isLogical(binary) {
			f.operands(binary)
		} else {
			f.sites = append(f.sites, &site{node: operand, kind: kind})
		}
	}
}

// stripped is an expression without parentheses and negations around it.
func stripped(e ast.Expr) ast.Expr {
	for {
		switch n := e.(type) {
		case *ast.ParenExpr:
			e = n.X
		case *ast.UnaryExpr:
			if n.Op != token.NOT {
				return e
			}
			e = n.X
		default:
			return e
		}
	}
}

func isLogical(n *ast.BinaryExpr) bool { return n.Op == token.LAND || n.Op == token.LOR }

// clauses adds a switch or select statement that has several outcomes.
func (f *finder) clauses(n ast.Stmt, kind string, body *ast.BlockStmt) {
	s := &site{node: n, kind: kind, clauses: body.List, complete: kind == selectKind, label: f.labels[n]}
	for _, stmt := range body.List {
		clause, ok := stmt.(*ast.CaseClause)
		if !ok {
			continue
		}
		if clause.List == nil {
			s.complete = true
		}
		if last := len(clause.Body) - 1; last >= 0 {
			if jump, ok := clause.Body[last].(*ast.BranchStmt); ok && jump.Tok == token.FALLTHROUGH {
				s.falls = append(s.falls, jump)
			}
		}
	}
	if s.outcomes() > 1 {
		f.sites = append(f.sites, s)
	}
}

// breaks returns the statements in the body of a loop that leave it.
func breaks(body *ast.BlockStmt, label *ast.LabeledStmt) (found []*ast.BranchStmt) {
	var walk func(node ast.Node, direct bool)
	walk = func(node ast.Node, direct bool) {
		ast.Inspect(node, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
				if n == node || !direct {
					return true
				}
				walk(n, false)
				return false
			case *ast.BranchStmt:
				named := n.Label != nil && label != nil && n.Label.Name == label.Label.Name
				if n.Tok == token.BREAK && (named || n.Label == nil && direct) {
					found = append(found, n)
				}
			}
			return true
		})
	}
	walk(body, true)
	return found
}

// colonOf is the colon of a clause of a switch or select.
func colonOf(clause ast.Stmt) token.Pos {
	if c, ok := clause.(*ast.CommClause); ok {
		return c.Colon
	}
	return clause.(*ast.CaseClause).Colon
}
