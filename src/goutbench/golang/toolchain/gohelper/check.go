package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
)

type verdict struct {
	Errors   []fault  `json:"errors"`
	Excluded bool     `json:"excluded"`
	External bool     `json:"external"`
	Tests    []string `json:"tests"`
	Infra    string   `json:"infra,omitempty"`
	Need     bool     `json:"need,omitempty"` // go list has to be asked first: send "load", then this request again
}

// A job is one check: the package, its test files after the overlay, and what was found so far.
type job struct {
	w         *world
	p         *listed
	candidate *parsed // nil when excluded from the build
	external  bool
	internals []*parsed // test files of package p, the candidate among them
	externals []*parsed // test files of package p_test
	removed   []string  // internal test files taken away
	faults    []fault
}

func (w *world) check(req *request) (v verdict) {
	buildTags = tagsOf(req.Flags)
	path := filepath.Join(req.Dir, req.Name)
	p := w.at(req.Dir)
	if p == nil {
		v.Need = true
		return v
	}
	if trouble := p.trouble(); trouble != "" {
		v.Infra = "the package does not build without the candidate: " + trouble
		return v
	}
	candidate := w.parseSource(path, req.Source)
	defer w.drop(candidate)
	j := &job{w: w, p: p}
	v.Excluded = !w.inBuild(candidate)
	if !v.Excluded {
		if candidate.err != nil {
			v.Errors = syntaxFaults(candidate.err)
			return v
		}
		v.External = j.place(candidate)
		v.Tests = testNames(candidate.file)
	}
	j.siblings(req, path)
	if len(j.faults) == 0 {
		v.Infra, v.Need = j.run()
	}
	v.Errors = j.faults
	return v
}

// inBuild says whether go list would keep the candidate.
func (w *world) inBuild(f *parsed) bool {
	return matches(f.path, f.src) && (f.err != nil || f.file.Name.Name != "documentation")
}

// place sorts the candidate into the package under test or its external test package, by its package clause.
func (j *job) place(candidate *parsed) bool {
	name := candidate.file.Name.Name
	switch own := j.packageName(name); name {
	case own:
		j.internals = append(j.internals, candidate)
	case own + "_test":
		j.external = true
		j.externals = append(j.externals, candidate)
	default:
		j.add(candidate.file.Name.Pos(), "wrong-package", fmt.Sprintf("package %s; expected package %s or %s_test", name, own, own))
	}
	j.candidate = candidate
	return j.external
}

func (j *job) packageName(candidate string) string {
	if j.p.Name != "" {
		return j.p.Name
	}
	return strings.TrimSuffix(candidate, "_test")
}

func (j *job) add(pos token.Pos, kind, message string) {
	j.faults = append(j.faults, j.w.faultAt(pos, kind, "types", message, 0))
}

func (j *job) siblings(req *request, candidate string) {
	gone := func(name string) bool {
		return slices.Contains(req.Removed, name) || filepath.Join(req.Dir, name) == candidate
	}
	for _, name := range j.p.TestGoFiles {
		if gone(name) {
			j.removed = append(j.removed, name)
		} else {
			j.internals = append(j.internals, j.w.parse(filepath.Join(j.p.Dir, name)))
		}
	}
	for _, name := range j.p.XTestGoFiles {
		if !gone(name) {
			j.externals = append(j.externals, j.w.parse(filepath.Join(j.p.Dir, name)))
		}
	}
	// the compiler gets files in the order of their names, and reports a name's second declaration
	byName := func(files []*parsed) {
		sort.Slice(files, func(a, b int) bool { return files[a].path < files[b].path })
	}
	byName(j.internals)
	byName(j.externals)
}

// load asks `go list` about the package and about what the candidate imports.
func (w *world) load(req *request) (v verdict) {
	buildTags = tagsOf(req.Flags)
	if w.at(req.Dir) == nil {
		if err := w.loadDirs([]string{req.Dir}); err != nil {
			v.Infra = err.Error()
			return v
		}
	}
	p := w.at(req.Dir)
	if p == nil {
		v.Infra = "go list knows no package in " + req.Dir
		return v
	}
	if len(p.CgoFiles) > 0 && len(p.CompiledGoFiles) == 0 {
		if err := w.compiledFiles(p); err != nil {
			v.Infra = err.Error()
			return v
		}
	}
	var paths []string
	if f, _ := parser.ParseFile(token.NewFileSet(), req.Name, req.Source, parser.ImportsOnly); f != nil {
		for _, spec := range f.Imports {
			paths = append(paths, importPath(spec))
		}
	}
	if err := w.list(w.unknown(p, paths)); err != nil {
		v.Infra = err.Error()
	}
	return v
}

// run goes through what go list, the compiler and the test main would refuse. infra: why it could not; need: see verdict.
func (j *job) run() (infra string, need bool) {
	if infra, need = j.imports(); infra != "" || need || len(j.faults) > 0 {
		return infra, need
	}
	if j.candidate != nil {
		j.directives()
	}
	own := j.w.parseAll(j.w.sources(j.p))
	test := j.internal(own)
	if j.needsExternal() {
		j.checkExternal(test)
	}
	j.testMain()
	if len(j.faults) > keptFaults {
		j.faults = j.faults[:keptFaults]
	}
	return "", false
}

// imports refuses what go list would refuse.
func (j *job) imports() (infra string, need bool) {
	var paths []string
	each := func(files []*parsed, see func(f *parsed, spec *ast.ImportSpec)) {
		for _, f := range files {
			if f.file == nil {
				continue
			}
			for _, spec := range f.file.Imports {
				see(f, spec)
			}
		}
	}
	collect := func(_ *parsed, spec *ast.ImportSpec) { paths = append(paths, importPath(spec)) }
	each(j.internals, collect)
	each(j.externals, collect)
	if len(j.w.unknown(j.p, paths)) > 0 {
		return "", true
	}
	judge := func(external bool) func(*parsed, *ast.ImportSpec) {
		return func(f *parsed, spec *ast.ImportSpec) {
			if problem := j.importAllowed(spec, external); problem != "" {
				infra = problem
			}
		}
	}
	each(j.internals, judge(false))
	each(j.externals, judge(true))
	return infra, false
}

func (j *job) importAllowed(spec *ast.ImportSpec, external bool) (infra string) {
	path := importPath(spec)
	real := j.w.resolve(j.p, path)
	q := j.w.pkgs[real]
	at := spec.Path.Pos()
	switch {
	case path == "unsafe" || external && real == j.p.ImportPath:
	case path == "C":
		j.add(at, "cgo", "use of cgo in test not supported")
	case j.w.missing[real] != "":
		j.add(at, "missing-package", j.w.missing[real])
	case !external && j.w.reaches(real, j.p.ImportPath):
		j.add(at, "import-cycle", fmt.Sprintf("import cycle not allowed in test: %s imports %s", path, j.p.ImportPath))
	case q.trouble() != "":
		if absentModule(q.trouble()) {
			return "a module is not at hand: " + q.trouble()
		}
		j.add(at, "missing-package", q.trouble())
	case q.Name == "main":
		j.add(at, "missing-package", fmt.Sprintf("import %q is a program, not an importable package", path))
	case !visible(q, j.p):
		j.add(at, "internal-package", fmt.Sprintf("use of internal package %s not allowed", path))
	}
	return ""
}

// absentModule tells a module that go.mod asks for but this machine lacks from an import that nothing provides.
func absentModule(message string) bool {
	if strings.Contains(message, "no required module provides") || strings.Contains(message, "import lookup disabled") {
		return false
	}
	return strings.Contains(message, "module lookup disabled") || strings.Contains(message, "missing go.sum entry")
}

// visible is the go command's rule of internal packages.
func visible(q, from *listed) bool {
	elements := strings.Split(q.ImportPath, "/")
	last := -1
	for i, element := range elements {
		if element == "internal" {
			last = i
		}
	}
	if last < 0 {
		return true
	}
	parent := strings.Join(elements[:last], "/")
	if parent == "" {
		return from.Standard
	}
	return from.ImportPath == parent || strings.HasPrefix(from.ImportPath, parent+"/")
}

// A variant is the package under test together with its internal test files, as the external test package sees it.
type variant struct {
	pkg    *types.Package
	faults []fault
	base   types.Importer // an importer in which pkg stands for the package under test
}

// internal checks the package with its internal test files. Without a candidate among them the answer is kept.
func (j *job) internal(own []*parsed) *variant {
	shared := j.external || j.candidate == nil
	key := j.p.ImportPath + "\x00" + strings.Join(j.removed, "\x00")
	if v := j.w.variants[key]; shared && v != nil {
		j.faults = append(j.faults, v.faults...)
		return v
	}
	before := len(j.faults)
	files, hollow := j.withOwn(own)
	v := &variant{pkg: j.typecheck(j.p.ImportPath, files, hollow, j.w.base)}
	v.faults = slices.Clone(j.faults[before:])
	if shared {
		j.w.variants[key] = v
	}
	return v
}

// withOwn joins the package's own files, without their bodies unless the candidate could change what they mean, and
// the internal test files. hollow names the files without bodies.
func (j *job) withOwn(own []*parsed) (files []*ast.File, hollow map[string]bool) {
	hollow = map[string]bool{}
	whole := j.candidate != nil && !j.external && altersOthers(j.candidate.file)
	for _, f := range own {
		switch {
		case f.file == nil:
		case whole:
			files = append(files, f.file)
		default:
			files = append(files, f.withoutBodies())
			hollow[f.path] = true
		}
	}
	for _, f := range j.internals {
		j.syntax(f)
		if f.file != nil {
			files = append(files, f.file)
		}
	}
	return files, hollow
}

func (j *job) syntax(f *parsed) {
	if f.err != nil {
		j.faults = append(j.faults, syntaxFaults(f.err)...)
	}
}

// altersOthers: the file declares something that can change the meaning of function bodies that do not mention it:
// a predeclared name, or a method on a type of another file.
func altersOthers(file *ast.File) bool {
	types_ := map[string]bool{}
	topNames(file, func(name *ast.Ident, receiver string) { types_[name.Name] = types_[name.Name] || receiver == "" })
	alters := false
	topNames(file, func(name *ast.Ident, receiver string) {
		if receiver == "" && types.Universe.Lookup(name.Name) != nil || receiver != "" && !types_[receiver] {
			alters = true
		}
	})
	return alters
}

// typecheck type-checks files as package path. Unused imports of hollow files are no error: their uses are gone.
func (j *job) typecheck(path string, files []*ast.File, hollow map[string]bool, base types.Importer) *types.Package {
	conf := types.Config{
		GoVersion: j.w.language(j.p),
		Importer:  importerFor{j.w, j.p, base},
		Sizes:     types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) {
			problem, ok := err.(types.Error)
			if !ok || strings.HasPrefix(problem.Msg, "\t") {
				return // the tail of the error before
			}
			f := typeFault(j.w, problem)
			if f.code == codeUnusedImport && hollow[j.w.position(problem.Pos).Filename] {
				return
			}
			j.faults = append(j.faults, f)
		},
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, FileVersions: map[*ast.File]string{}}
	pkg, _ := conf.Check(path, j.w.fset, files, info)
	j.signatures(files, info)
	j.sizes(info)
	return pkg
}

// language is the -lang that the go command would give the compiler, "" for the toolchain's own.
func (w *world) language(p *listed) string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	parts := strings.SplitN(p.Module.GoVersion, ".", 3)
	if len(parts) < 2 {
		return "go" + p.Module.GoVersion
	}
	return "go" + parts[0] + "." + strings.TrimRightFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' })
}

// needsExternal: the external test package has to be checked when the candidate is in it, or can be seen from it.
func (j *job) needsExternal() bool {
	if len(j.externals) == 0 {
		return false
	}
	if j.external || j.candidate == nil || len(j.removed) > 0 && j.removedSeen() {
		return true
	}
	if altersOthers(j.candidate.file) {
		return true
	}
	for _, f := range j.externals {
		if f.file == nil {
			continue
		}
		for _, spec := range f.file.Imports {
			if spec.Name != nil && spec.Name.Name == "." {
				return true
			}
		}
	}
	return false
}

// removedSeen: a removed internal test file declares something that other packages can see.
func (j *job) removedSeen() bool {
	seen := false
	for _, name := range j.removed {
		f := j.w.parse(filepath.Join(j.p.Dir, name))
		if f.file == nil {
			return true
		}
		topNames(f.file, func(name *ast.Ident, receiver string) {
			seen = seen || name.IsExported() && !isTestName(name.Name) || receiver != ""
		})
	}
	return seen
}

func (j *job) checkExternal(v *variant) {
	base := j.w.base
	if len(j.internals) > 0 && v.pkg != nil {
		if v.base == nil {
			imp, loaded, err := j.w.newImporter()
			if err != nil {
				return
			}
			j.substitute(loaded, v.pkg)
			v.base = imp
		}
		base = v.base
	}
	var files []*ast.File
	for _, f := range j.externals {
		j.syntax(f)
		if f.file != nil {
			files = append(files, f.file)
		}
	}
	j.typecheck(j.p.ImportPath+"_test", files, nil, base)
}

// substitute fills an importer's map with the test variant, and with all packages that do not depend on it. Those are
// first read whole by the shared importer, so that no package is ever known by two identities.
func (j *job) substitute(loaded map[string]*types.Package, test *types.Package) {
	tried := map[string]bool{}
	for again := true; again; {
		again = false
		for path, pkg := range maps.Clone(j.w.loaded) {
			if !pkg.Complete() && !tried[path] && !j.w.reaches(path, j.p.ImportPath) {
				tried[path], again = true, true
				j.w.base.Import(path)
			}
		}
	}
	for path, pkg := range j.w.loaded {
		if !j.w.reaches(path, j.p.ImportPath) {
			loaded[path] = pkg
		}
	}
	test.MarkComplete()
	loaded[j.p.ImportPath] = test
}
