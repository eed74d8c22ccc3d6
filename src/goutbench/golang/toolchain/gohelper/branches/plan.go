package branches

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"goutbench/gohelper/packages"
)

// A Branch is a place with several outcomes. Start is its offset in the file, Texts describe the outcomes.
type Branch struct {
	Start    int       `json:"start"`
	Outcomes []Outcome `json:"outcomes"`
}

// An Outcome is one of the ways in which a branch can end; What is the code that it is about.
type Outcome struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Kind    string `json:"kind"`
	What    string `json:"what"`
	Outcome string `json:"outcome"`
}

// A Plan is what go tool cover's output gets counters for. Skipped are the sites with these numbers: constants, which have
// one outcome, operands of another type than bool, which a counter would change, and what is hidden from vet. Named are conditions
// of such a type.
// Prefix begins the names of the counters.
type Plan struct {
	Branches []Branch `json:"branches"`
	Skipped  []int    `json:"skipped"`
	Named    []int    `json:"named"`
	Prefix   string   `json:"prefix,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Need     bool     `json:"need,omitempty"`
}

// NewPlan finds the branches of the file name in a package. Reason explains why they cannot be found.
func NewPlan(module *packages.Module, dir, name string) (r Plan) {
	p := module.At(dir)
	if p == nil {
		r.Need = true
		return r
	}
	path := filepath.Join(dir, name)
	sources := module.Sources(p)
	if slices.Contains(p.CgoFiles, name) || !slices.Contains(sources, path) {
		r.Reason = "the focal file uses cgo or is not in the build"
		return r
	}
	focal := module.Parse(path)
	if focal.Err != nil {
		r.Reason = "the focal file does not parse: " + focal.Err.Error()
		return r
	}
	d := &describer{module: module, focal: focal, info: typesOf(module, p, focal, sources)}
	refused := d.refused(focal.Syntax)
	for number, s := range find(focal.Syntax.Decls) {
		within := func(n ast.Node) bool { return n.Pos() <= s.node.Pos() && s.node.End() <= n.End() }
		if slices.ContainsFunc(refused, within) {
			r.Skipped = append(r.Skipped, number)
			continue
		}
		if condition, ok := s.node.(ast.Expr); ok {
			named := d.isNamed(condition)
			if d.isConstant(condition) || named && s.isOperand() {
				r.Skipped = append(r.Skipped, number)
				continue
			}
			if named {
				r.Named = append(r.Named, number)
			}
		}
		r.Branches = append(r.Branches, Branch{d.offset(s.node.Pos()), d.outcomes(s)})
	}
	return r
}

// typesOf type-checks the focal file with the declarations of the others. Errors leave types unknown.
func typesOf(module *packages.Module, p *packages.Package, focal *packages.File, sources []string) *types.Info {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := module.Config(p, nil, func(types.Error) {})
	conf.DisableUnusedImportCheck = true
	files := []*ast.File{focal.Syntax}
	for _, f := range module.ParseAll(sources) {
		if f != focal && f.Syntax != nil {
			files = append(files, f.WithoutBodies())
		}
	}
	conf.Check(p.ImportPath, module.Fset, files, info)
	return info
}

type describer struct {
	module *packages.Module
	focal  *packages.File
	info   *types.Info
}

func (d *describer) isConstant(e ast.Expr) bool {
	value := d.info.Types[e].Value
	return value != nil && value.Kind() == constant.Bool
}

// isNamed tells whether the type is another one than bool.
func (d *describer) isNamed(e ast.Expr) bool {
	basic, ok := types.Unalias(d.info.Types[e].Type).(*types.Basic)
	return d.info.Types[e].Type != nil && (!ok || basic.Info()&types.IsBoolean == 0)
}

func (d *describer) offset(pos token.Pos) int { return d.module.Fset.File(pos).Offset(pos) }

func (d *describer) text(from, to token.Pos) string {
	return string(d.focal.Source[d.offset(from):d.offset(to)])
}

func (d *describer) outcome(at token.Pos, kind, what, outcome string) Outcome {
	p := d.module.Position(at)
	return Outcome{p.Line, p.Column, kind, what, outcome}
}

// outcomes describes the outcomes of a site, in the order of their counters.
func (d *describer) outcomes(s *site) (all []Outcome) {
	at, kind := s.node.Pos(), s.kind
	switch {
	case s.isCondition():
		text := d.text(at, s.node.End())
		return []Outcome{d.outcome(at, kind, text, "true"), d.outcome(at, kind, text, "false")}
	case s.kind == rangeKind:
		text := d.text(at, s.node.(*ast.RangeStmt).X.End())
		return []Outcome{d.outcome(at, kind, text, "entered"), d.outcome(at, kind, text, "exhausted")}
	}
	for _, stmt := range s.clauses {
		all = append(all, d.outcome(stmt.Pos(), kind, d.text(stmt.Pos(), colonOf(stmt)), "chosen"))
	}
	if !s.complete {
		all = append(all, d.outcome(at, kind, d.text(at, d.bodyOf(s.node)), "no case"))
	}
	return all
}

func (d *describer) bodyOf(node ast.Node) token.Pos {
	if n, ok := node.(*ast.TypeSwitchStmt); ok {
		return n.Body.Lbrace
	}
	return node.(*ast.SwitchStmt).Body.Lbrace
}
