package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
)

type mutantReply struct {
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
}

type mutationReply struct {
	Schemata    []byte        `json:"schemata"`
	SupportName string        `json:"support_name"`
	Support     []byte        `json:"support"`
	Mutants     []mutantReply `json:"mutants"`
	NotViable   []mutantReply `json:"not_viable"`
	Reason      string        `json:"reason,omitempty"`
	Infra       string        `json:"infra,omitempty"`
	Need        bool          `json:"need,omitempty"`
}

// A mutator is the focal file, type-checked, and what is needed to write it anew.
type mutator struct {
	w         *world
	p         *listed
	focal     *parsed
	declared  *parsed // declares the switch, as the support file will
	own       []*parsed
	pkg       *types.Package
	info      *types.Info
	file      *token.File
	imported  []*types.PkgName
	variable  string
	aliases   map[string]string
	importsAt int
	steps     []int // offsets behind the opening braces of functions and loops, where steps are counted
}

const (
	keptMutants = 3000 // more in one file are reported as not viable: they would take the compiler minutes
	copiedBytes = 8000 // a longer expression or statement is not copied once per mutant
	rounds      = 12
)

func (w *world) mutate(req *request) (r mutationReply) {
	buildTags = tagsOf(req.Flags)
	p := w.at(req.Dir)
	if p == nil || w.pkgs["os"] == nil {
		r.Need = true
		return r
	}
	if trouble := p.trouble(); trouble != "" {
		r.Reason = "the package does not build: " + trouble
		return r
	}
	m := &mutator{w: w, p: p, variable: req.Switch, aliases: map[string]string{}}
	if r.Reason = m.prepare(filepath.Join(req.Dir, req.Name)); r.Reason != "" {
		return r
	}
	defer m.w.drop(m.declared)
	all := m.find()
	m.number(all)
	m.tryAlone(all)
	text, problem := m.settle(all)
	if problem != "" {
		r.Reason = problem
		return r
	}
	r.Schemata = []byte(text)
	r.SupportName = "zz_" + strings.ToLower(req.Switch) + ".go"
	r.Support = []byte(m.support(req.Env, req.Key))
	for _, mut := range all {
		if mut.reason == "" {
			r.Mutants = append(r.Mutants, m.reply(mut))
		} else {
			r.NotViable = append(r.NotViable, m.reply(mut))
		}
	}
	return r
}

// prepare type-checks the package with the focal file whole and the other files without bodies.
func (m *mutator) prepare(path string) string {
	if slices.Contains(m.p.CgoFiles, filepath.Base(path)) {
		return "the focal file uses cgo"
	}
	sources := m.w.sources(m.p)
	if !slices.Contains(sources, path) {
		return "build constraints exclude the focal file here"
	}
	m.own = m.w.parseAll(sources)
	m.focal = m.w.parse(path)
	if m.focal.err != nil {
		return "the focal file does not parse: " + m.focal.err.Error()
	}
	declared := fmt.Appendf(nil, "package %s\nvar %s int\nfunc %s() {}", m.p.Name, m.variable, m.step())
	m.declared = m.w.parseSource("switch.go", declared)
	m.file = m.w.fset.File(m.focal.file.FileStart)
	m.importsAt = m.offset(m.focal.file.Name.End())
	m.steps = m.findSteps()
	m.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{},
	}
	pkg, faults := m.typecheck(m.focal.file, true, m.info)
	if len(faults) > 0 {
		return "the focal file does not type-check: " + faults[0].Msg
	}
	m.pkg = pkg
	for _, spec := range m.focal.file.Imports {
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

// typecheck checks the package with file in the focal file's place. Unused imports are an error only in that file,
// and only when it is whole.
func (m *mutator) typecheck(file *ast.File, whole bool, info *types.Info) (*types.Package, []types.Error) {
	var faults []types.Error
	conf := types.Config{
		GoVersion:                m.w.language(m.p),
		Importer:                 importerFor{m.w, m.p, m.w.base},
		Sizes:                    types.SizesFor("gc", runtime.GOARCH),
		DisableUnusedImportCheck: !whole,
		Error: func(err error) {
			e, ok := err.(types.Error)
			if !ok || strings.HasPrefix(e.Msg, "\t") {
				return
			}
			if errorCode(e) != codeUnusedImport || file.FileStart <= e.Pos && e.Pos <= file.FileEnd {
				faults = append(faults, e)
			}
		},
	}
	files := []*ast.File{file, m.declared.file}
	for _, f := range m.own {
		if f != m.focal && f.file != nil {
			files = append(files, f.withoutBodies())
		}
	}
	pkg, _ := conf.Check(m.p.ImportPath, m.w.fset, files, info)
	return pkg, faults
}

func (m *mutator) offset(pos token.Pos) int { return m.file.Offset(pos) }
func (m *mutator) position(offset int) token.Position {
	return m.file.PositionFor(m.file.Pos(offset), false)
}

func (m *mutator) text(n ast.Node) string {
	return string(m.focal.src[m.offset(n.Pos()):m.offset(n.End())])
}

// mutated is what stands behind the switch for this mutation.
func (m *mutator) mutated(mut *mutation) string {
	return m.counted(mut.from, mut.start) + mut.text + m.counted(mut.end, mut.to)
}

// number gives ids in source order and refuses what would make the file too large.
func (m *mutator) number(all []*mutation) {
	sort.SliceStable(all, func(a, b int) bool { return all[a].start < all[b].start })
	for i, mut := range all {
		mut.id = i + 1
		switch {
		case i >= keptMutants:
			mut.reason = fmt.Sprintf("over the limit of %d mutants in one file", keptMutants)
		case mut.op != "statement-removal" && mut.op != "branch-removal" && mut.to-mut.from > copiedBytes:
			mut.reason = "the code around it is too long to be copied"
		case mut.form == asValue && m.recovers(mut):
			mut.reason = "recover() works only where it stands"
		}
	}
}

func (m *mutator) recovers(mut *mutation) bool {
	return strings.Contains(string(m.focal.src[mut.from:mut.to]), "recover()")
}

// settle writes the schemata and type-checks them, taking out what does not stand behind the switch, until they do.
func (m *mutator) settle(all []*mutation) (string, string) {
	for range rounds {
		m.aliases = map[string]string{}
		m.schemata(all) // once to learn which imports are needed
		m.allowAliases(all)
		w := m.schemata(all)
		faults, base := m.checkText(w.out.String(), nil)
		if len(faults) == 0 {
			return w.out.String(), ""
		}
		for _, fault := range faults {
			m.blame(all, w, int(fault.Pos)-base, fault.Msg)
		}
	}
	return "", "the mutants do not fit behind one switch"
}

// allowAliases takes out value mutants whose type's package this package may not import.
func (m *mutator) allowAliases(all []*mutation) {
	for path := range m.aliases {
		q := m.w.pkgs[path]
		if q == nil || !visible(q, m.p) {
			for _, mut := range all {
				if mut.form == asValue && mut.reason == "" && strings.Contains(m.spell(mut), m.aliases[path]+".") {
					mut.reason = "its type cannot be named here"
				}
			}
			delete(m.aliases, path)
		}
	}
}

// checkText parses and type-checks text in the focal file's place; keep, when given, says which declarations keep
// their bodies. base is what to subtract from a fault's position to get an offset.
func (m *mutator) checkText(text string, keep map[int]bool) (faults []types.Error, base int) {
	f := m.w.parseSource(m.focal.path, []byte(text))
	defer m.w.drop(f)
	if f.err != nil {
		list := syntaxFaults(f.err)
		offset := 0
		if file := m.w.fset.File(f.file.FileStart); file != nil && list[0].Line > 0 {
			base = file.Base()
			offset = physicalOffset(f.err)
		}
		return []types.Error{{Pos: token.Pos(base + offset), Msg: list[0].Message}}, base
	}
	file := f.file
	base = m.w.fset.File(file.FileStart).Base()
	if keep != nil {
		hollow := f.withoutBodies()
		for i := range hollow.Decls {
			if keep[i] {
				hollow.Decls[i] = file.Decls[i]
			}
		}
		file = hollow
	}
	_, faults = m.typecheck(file, keep == nil, nil)
	return faults, base
}

// blame marks the mutation that wrote the bytes at offset; failing that, all of the innermost site there; failing
// that, all of the declaration there.
func (m *mutator) blame(all []*mutation, w *writer, offset int, message string) {
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
			mut.reason = "cannot stand behind a switch: " + message
		}
	default:
		for _, mut := range all {
			if mut.reason == "" && mut.unit == w.unitAt(offset) {
				mut.reason = "cannot stand behind a switch: " + message
			}
		}
	}
}

// unitAt finds the declaration in which the schemata's byte at offset lies.
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

func (m *mutator) reply(mut *mutation) mutantReply {
	start, end := m.position(mut.start), m.position(mut.end)
	return mutantReply{
		mut.id, mut.op, functionName(m.focal.file.Decls[mut.unit], m.text), mut.start, mut.end, start.Line, start.Column,
		end.Line, end.Column, mut.text, mut.reason,
	}
}
