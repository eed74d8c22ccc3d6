// Package mutation writes all mutants of a file behind one switch (mutant schemata), so that one build contains them all.
package mutation

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"goutbench/gohelper/packages"
)

// A Request asks for the mutants of the file Name in Dir. Switch is the name of the variable that selects a mutant, Env
// the environment variable that sets it, Key the mask of its value. With IgnoreTexts, texts of logs and errors do not count.
type Request struct {
	Dir         string
	Name        string
	Switch      string
	Env         string
	Key         string
	IgnoreTexts bool
}

// A Mutant is one change of the focal file; Reason explains why it is not viable, Proof why it is equivalent.
type Mutant struct {
	ID          int    `json:"id"`
	Operator    string `json:"operator"`
	Function    string `json:"function"`
	Start       int    `json:"start"`
	End         int    `json:"end"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	EndLine     int    `json:"end_line"`
	EndColumn   int    `json:"end_column"`
	Replacement string `json:"replacement"`
	Reason      string `json:"reason,omitempty"`
	Proof       string `json:"proof,omitempty"`
}

// A Plan is the answer to a request; Reason explains why there are no mutants.
type Plan struct {
	Schemata    []byte     `json:"schemata"`
	SupportName string     `json:"support_name"`
	Support     []byte     `json:"support"`
	Mutants     []Mutant   `json:"mutants"`
	NotViable   []Mutant   `json:"not_viable"`
	Equivalent  []Mutant   `json:"equivalent"`
	Functions   []Function `json:"functions"`
	Reason      string     `json:"reason,omitempty"`
	Infra       string     `json:"infra,omitempty"`
	Need        bool       `json:"need,omitempty"`
}

// A mutator is the type-checked focal file.
type mutator struct {
	module    *packages.Module
	p         *packages.Package
	focal     *packages.File
	declared  *packages.File // declares the switch, like the support file
	own       []*packages.File
	pkg       *types.Package
	info      *types.Info
	file      *token.File
	imported  []*types.PkgName
	variable  string
	aliases   map[string]string
	importsAt int
	steps     []int // offsets behind the opening braces of functions and loops, where steps are counted

	ignoreTexts    bool
	commaOKs       map[types.Object]bool // variables that are the second result of a comma-ok form
	errorVariables map[string]bool       // this package's, by name, that a literal text initialises
}

const (
	maxMutants = 3000 // further mutants of a file are not viable: they would take the compiler minutes
	maxCopied  = 8000 // bytes of an expression or statement that is copied for each mutant
	rounds     = 12
)

// NewPlan finds the mutants of a file, writes them behind a switch, and reports which ones are viable.
func NewPlan(module *packages.Module, req *Request) (r Plan) {
	p := module.At(req.Dir)
	if p == nil || module.Package("os") == nil {
		r.Need = true
		return r
	}
	if problem := p.Problem(); problem != "" {
		r.Reason = "the package does not build: " + problem
		return r
	}
	m := &mutator{module: module, p: p, variable: req.Switch, aliases: map[string]string{}, ignoreTexts: req.IgnoreTexts}
	if r.Reason = m.prepare(filepath.Join(req.Dir, req.Name)); r.Reason != "" {
		return r
	}
	defer m.module.Forget(m.declared)
	all := m.find()
	m.number(all)
	m.tryEach(all)
	text, problem := m.settle(all)
	if problem != "" {
		r.Reason = problem
		return r
	}
	r.Schemata = []byte(text)
	r.SupportName = "zz_" + strings.ToLower(req.Switch) + ".go"
	r.Support = []byte(m.support(req.Env, req.Key))
	for _, mut := range all {
		switch {
		case mut.isTested():
			r.Mutants = append(r.Mutants, m.reply(mut))
		case mut.reason == "":
			r.Equivalent = append(r.Equivalent, m.reply(mut))
		default:
			r.NotViable = append(r.NotViable, m.reply(mut))
		}
	}
	r.Functions = m.functions()
	return r
}

// prepare type-checks the package, without the bodies of the other files. It returns the reason why there are no mutants.
func (m *mutator) prepare(path string) string {
	if slices.Contains(m.p.CgoFiles, filepath.Base(path)) {
		return "the focal file uses cgo"
	}
	sources := m.module.Sources(m.p)
	if !slices.Contains(sources, path) {
		return "build constraints exclude the focal file"
	}
	m.own = m.module.ParseAll(sources)
	m.focal = m.module.Parse(path)
	if m.focal.Err != nil {
		return "the focal file does not parse: " + m.focal.Err.Error()
	}
	declared := fmt.Appendf(nil, "package %s\nvar %s int\nfunc %s() {}", m.p.Name, m.variable, m.step())
	m.declared = m.module.ParseSource("switch.go", declared)
	m.file = m.module.Fset.File(m.focal.Syntax.FileStart)
	m.importsAt = m.offset(m.focal.Syntax.Name.End())
	m.steps = m.findSteps()
	m.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	pkg, errors := m.typecheck(m.focal.Syntax, true, m.info)
	if len(errors) > 0 {
		return "the focal file does not type-check: " + errors[0].Msg
	}
	m.pkg = pkg
	for _, spec := range m.focal.Syntax.Imports {
		var object types.Object = m.info.Implicits[spec]
		if spec.Name != nil {
			object = m.info.Defs[spec.Name]
		}
		if name, ok := object.(*types.PkgName); ok {
			m.imported = append(m.imported, name)
		}
	}
	return ""
}

// typecheck checks the package with file instead of the focal file. Unused imports are an error only in that file, and
// only if it is complete.
func (m *mutator) typecheck(file *ast.File, complete bool, info *types.Info) (*types.Package, []types.Error) {
	var errors []types.Error
	conf := m.module.Config(m.p, nil, func(err types.Error) {
		if !packages.IsUnusedImport(err) || file.FileStart <= err.Pos && err.Pos <= file.FileEnd {
			errors = append(errors, err)
		}
	})
	conf.DisableUnusedImportCheck = !complete
	files := []*ast.File{file, m.declared.Syntax}
	for _, f := range m.own {
		if f != m.focal && f.Syntax != nil {
			files = append(files, f.WithoutBodies())
		}
	}
	pkg, _ := conf.Check(m.p.ImportPath, m.module.Fset, files, info)
	return pkg, errors
}

func (m *mutator) offset(pos token.Pos) int { return m.file.Offset(pos) }
func (m *mutator) position(offset int) token.Position {
	return m.file.PositionFor(m.file.Pos(offset), false)
}

func (m *mutator) text(n ast.Node) string {
	return string(m.focal.Source[m.offset(n.Pos()):m.offset(n.End())])
}

// mutated is the text of the mutant's site with the change.
func (m *mutator) mutated(mut *mutant) string {
	return m.counted(mut.from, mut.start) + mut.text + m.counted(mut.end, mut.to)
}

// alone is the same without counters, as the text of a mutant that is compiled without the switch.
func (m *mutator) alone(mut *mutant) string {
	return string(m.focal.Source[mut.from:mut.start]) + mut.text + string(m.focal.Source[mut.end:mut.to])
}

// number assigns ids in source order, and rejects mutants that would make the file too large.
func (m *mutator) number(all []*mutant) {
	sort.SliceStable(all, func(a, b int) bool { return all[a].start < all[b].start })
	for i, mut := range all {
		mut.id = i + 1
		switch {
		case i >= maxMutants:
			mut.reason = fmt.Sprintf("over the limit of %d mutants in one file", maxMutants)
		case mut.copied() > maxCopied:
			mut.reason = "the code around it is too long to be copied"
		case mut.form == asValue && m.recovers(mut):
			mut.reason = "recover() works only directly in the deferred function"
		}
	}
}

func (m *mutator) recovers(mut *mutant) bool {
	return strings.Contains(string(m.focal.Source[mut.from:mut.to]), "recover()")
}

// settle writes the schemata and type-checks them. It rejects mutants that cause errors, until there are none. It returns
// the schemata, or the problem.
func (m *mutator) settle(all []*mutant) (schemata, problem string) {
	for range rounds {
		m.aliases = map[string]string{}
		m.schemata(all) // to find the imports that they need
		m.allowAliases(all)
		w := m.schemata(all)
		errors, base := m.checkText(w.out.String(), nil)
		if len(errors) == 0 {
			return w.out.String(), ""
		}
		for _, err := range errors {
			m.blame(all, w, int(err.Pos)-base, err.Msg)
		}
	}
	return "", "the mutants do not compile behind one switch"
}

// allowAliases rejects value mutants whose type is in a package that this package may not import.
func (m *mutator) allowAliases(all []*mutant) {
	for path := range m.aliases {
		imported := m.module.Package(path)
		if imported == nil || !imported.VisibleFrom(m.p) {
			for _, mut := range all {
				if mut.form == asValue && mut.reason == "" && strings.Contains(m.spell(mut), m.aliases[path]+".") {
					mut.reason = "its type cannot be named here"
				}
			}
			delete(m.aliases, path)
		}
	}
}

// checkText parses and type-checks text instead of the focal file. If units is not nil, only those declarations have
// bodies. An error's position minus base is its offset in the text.
func (m *mutator) checkText(text string, units map[int]bool) (errors []types.Error, base int) {
	f := m.module.ParseSource(m.focal.Path, []byte(text))
	defer m.module.Forget(f)
	if f.Err != nil {
		list := packages.SyntaxDiagnostics(f.Err)
		offset := 0
		if file := m.module.Fset.File(f.Syntax.FileStart); file != nil && list[0].Line > 0 {
			base = file.Base()
			offset = physicalOffset(f.Err)
		}
		return []types.Error{{Pos: token.Pos(base + offset), Msg: list[0].Message}}, base
	}
	file := f.Syntax
	base = m.module.Fset.File(file.FileStart).Base()
	if units != nil {
		hollow := f.WithoutBodies()
		for i := range hollow.Decls {
			if units[i] {
				hollow.Decls[i] = file.Decls[i]
			}
		}
		file = hollow
	}
	_, errors = m.typecheck(file, units == nil, nil)
	return errors, base
}

// blame rejects the mutant that wrote the bytes at offset, else all mutants of the innermost site there, else all mutants
// of the declaration there.
func (m *mutator) blame(all []*mutant, w *writer, offset int, message string) {
	best := stretch{from: -1}
	for _, s := range w.stretches {
		if s.from <= offset && offset <= s.to && s.from > best.from {
			best = s
		}
	}
	switch {
	case best.mutant != nil:
		best.mutant.reason = message
	case best.site != nil:
		for _, mut := range best.site.mutants {
			mut.reason = "does not compile behind a switch: " + message
		}
	default:
		for _, mut := range all {
			if mut.reason == "" && mut.unit == w.unitAt(offset) {
				mut.reason = "does not compile behind a switch: " + message
			}
		}
	}
}

// unitAt is the index of the focal file's declaration that contains the schemata's byte at offset, or -1.
func (w *writer) unitAt(offset int) int {
	file, err := parser.ParseFile(token.NewFileSet(), "", w.out.String(), parser.SkipObjectResolution)
	if err != nil {
		return -1
	}
	extra := len(w.m.aliases) // each extra import is a declaration before the others
	for i, decl := range file.Decls {
		if int(decl.Pos())-1 <= offset && offset < int(decl.End()) {
			return i - extra
		}
	}
	return -1
}

func (m *mutator) reply(mut *mutant) Mutant {
	start, end := m.position(mut.start), m.position(mut.end)
	return Mutant{
		mut.id, mut.operator, functionName(m.focal.Syntax.Decls[mut.unit], m.text), mut.start, mut.end, start.Line, start.Column,
		end.Line, end.Column, mut.text, mut.reason, mut.proof,
	}
}

// functionName is the name of a function declaration, with its receiver for a method: (*T).Name.
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
