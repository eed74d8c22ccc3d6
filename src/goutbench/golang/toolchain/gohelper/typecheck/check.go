// Package typecheck decides whether `go test -c` would accept a candidate test file, and lists the errors if not.
package typecheck

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"goutbench/gohelper/packages"
)

// A Request is a candidate test file for the package in Dir. It replaces the file Name there; Removed are names of test
// files that do not exist for this check.
type Request struct {
	Dir     string
	Name    string
	Source  []byte
	Removed []string
}

// A Result is the answer to a request.
type Result struct {
	Errors   []packages.Diagnostic `json:"errors"`
	Excluded bool                  `json:"excluded"`
	External bool                  `json:"external"`
	Tests    []string              `json:"tests"`
	Infra    string                `json:"infra,omitempty"`
	Need     bool                  `json:"need,omitempty"` // the module has to load packages first
}

const maxDiagnostics = 50

// A Checker checks candidates for the packages of one module.
type Checker struct {
	module   *packages.Module
	variants map[string]*variant
}

// NewChecker returns a checker for a module.
func NewChecker(module *packages.Module) *Checker {
	return &Checker{module: module, variants: map[string]*variant{}}
}

// A variant is the package under test together with its internal test files, as the external test package imports it.
type variant struct {
	pkg         *types.Package
	diagnostics []packages.Diagnostic
	importer    types.Importer // an importer in which pkg replaces the package under test
}

// A check is one candidate in its package, with the diagnostics so far.
type check struct {
	checker     *Checker
	m           *packages.Module
	p           *packages.Package
	candidate   *packages.File // nil if build constraints exclude it
	external    bool
	internals   []*packages.File // test files of package p, including the candidate
	externals   []*packages.File // test files of package p_test
	removed     []string         // removed internal test files
	diagnostics []packages.Diagnostic
}

// Check type-checks a candidate.
func (checker *Checker) Check(req *Request) (result Result) {
	m := checker.module
	p := m.At(req.Dir)
	if p == nil {
		result.Need = true
		return result
	}
	if problem := p.Problem(); problem != "" {
		result.Infra = "the package does not build without the candidate: " + problem
		return result
	}
	path := filepath.Join(req.Dir, req.Name)
	candidate := m.ParseSource(path, req.Source)
	defer m.Forget(candidate)
	c := &check{checker: checker, m: m, p: p}
	result.Excluded = !inBuild(m, candidate)
	if !result.Excluded {
		if candidate.Err != nil {
			result.Errors = packages.SyntaxDiagnostics(candidate.Err)
			return result
		}
		result.External = c.addCandidate(candidate)
		result.Tests = testNames(candidate.Syntax)
	}
	c.addSiblings(req, path)
	if len(c.diagnostics) == 0 {
		result.Infra, result.Need = c.run()
	}
	result.Errors = c.diagnostics
	return result
}

// inBuild reports whether `go list` would include the candidate.
func inBuild(m *packages.Module, f *packages.File) bool {
	return m.Matches(f.Path, f.Source) && (f.Err != nil || f.Syntax.Name.Name != "documentation")
}

// addCandidate adds the candidate to the package under test or to its external test package, by its package clause. It
// reports whether that is the external one.
func (c *check) addCandidate(candidate *packages.File) bool {
	name := candidate.Syntax.Name.Name
	own := c.p.Name
	if own == "" {
		own = strings.TrimSuffix(name, "_test")
	}
	switch name {
	case own:
		c.internals = append(c.internals, candidate)
	case own + "_test":
		c.external = true
		c.externals = append(c.externals, candidate)
	default:
		c.add(candidate.Syntax.Name.Pos(), "wrong-package", fmt.Sprintf("package %s; expected package %s or %s_test", name, own, own))
	}
	c.candidate = candidate
	return c.external
}

func (c *check) add(pos token.Pos, kind, message string) {
	c.diagnostics = append(c.diagnostics, c.m.DiagnosticAt(pos, kind, packages.Types, message))
}

func (c *check) addSiblings(req *Request, candidate string) {
	isRemoved := func(name string) bool {
		return slices.Contains(req.Removed, name) || filepath.Join(req.Dir, name) == candidate
	}
	for _, name := range c.p.TestGoFiles {
		if isRemoved(name) {
			c.removed = append(c.removed, name)
		} else {
			c.internals = append(c.internals, c.m.Parse(filepath.Join(c.p.Dir, name)))
		}
	}
	for _, name := range c.p.XTestGoFiles {
		if !isRemoved(name) {
			c.externals = append(c.externals, c.m.Parse(filepath.Join(c.p.Dir, name)))
		}
	}
	// the compiler reads files in the order of their names, and reports the second declaration of a name
	byName := func(files []*packages.File) {
		sort.Slice(files, func(a, b int) bool { return files[a].Path < files[b].Path })
	}
	byName(c.internals)
	byName(c.externals)
}

// run finds everything that `go list`, the compiler and the test main would refuse. infra explains why it cannot; need
// is that of Result.
func (c *check) run() (infra string, need bool) {
	if infra, need = c.imports(); infra != "" || need || len(c.diagnostics) > 0 {
		return infra, need
	}
	if c.candidate != nil {
		c.directives()
	}
	own := c.m.ParseAll(c.m.Sources(c.p))
	internal := c.checkInternal(own)
	if c.needsExternal() {
		c.checkExternal(internal)
	}
	c.testMain()
	if len(c.diagnostics) > maxDiagnostics {
		c.diagnostics = c.diagnostics[:maxDiagnostics]
	}
	return "", false
}

// imports finds the imports that `go list` would refuse.
func (c *check) imports() (infra string, need bool) {
	forEachImport := func(files []*packages.File, visit func(spec *ast.ImportSpec)) {
		for _, f := range files {
			if f.Syntax == nil {
				continue
			}
			for _, spec := range f.Syntax.Imports {
				visit(spec)
			}
		}
	}
	var paths []string
	collect := func(spec *ast.ImportSpec) { paths = append(paths, packages.ImportPath(spec)) }
	forEachImport(c.internals, collect)
	forEachImport(c.externals, collect)
	if len(c.m.Unknown(c.p, paths)) > 0 {
		return "", true
	}
	for _, external := range []bool{false, true} {
		files := c.internals
		if external {
			files = c.externals
		}
		forEachImport(files, func(spec *ast.ImportSpec) {
			if problem := c.checkImport(spec, external); problem != "" {
				infra = problem
			}
		})
	}
	return infra, false
}

func (c *check) checkImport(spec *ast.ImportSpec, external bool) (infra string) {
	path := packages.ImportPath(spec)
	resolved := c.m.Resolve(c.p, path)
	imported := c.m.Package(resolved)
	at := spec.Path.Pos()
	switch {
	case path == "unsafe" || external && resolved == c.p.ImportPath:
	case path == "C":
		c.add(at, "cgo", "use of cgo in test not supported")
	case c.m.Missing(resolved) != "":
		c.add(at, "missing-package", c.m.Missing(resolved))
	case !external && c.m.Reaches(resolved, c.p.ImportPath):
		c.add(at, "import-cycle", fmt.Sprintf("import cycle not allowed in test: %s imports %s", path, c.p.ImportPath))
	case imported.Problem() != "":
		if isAbsentModule(imported.Problem()) {
			return "a required module is not available: " + imported.Problem()
		}
		c.add(at, "missing-package", imported.Problem())
	case imported.Name == "main":
		c.add(at, "missing-package", fmt.Sprintf("import %q is a program, not an importable package", path))
	case !imported.VisibleFrom(c.p):
		c.add(at, "internal-package", fmt.Sprintf("use of internal package %s not allowed", path))
	}
	return ""
}

// isAbsentModule distinguishes a module that go.mod requires and this machine lacks from an import of no module.
func isAbsentModule(message string) bool {
	if strings.Contains(message, "no required module provides") || strings.Contains(message, "import lookup disabled") {
		return false
	}
	return strings.Contains(message, "module lookup disabled") || strings.Contains(message, "missing go.sum entry")
}

// checkInternal checks the package with its internal test files. It caches the result if the candidate is not one of
// them.
func (c *check) checkInternal(own []*packages.File) *variant {
	shared := c.external || c.candidate == nil
	key := c.p.ImportPath + "\x00" + strings.Join(c.removed, "\x00")
	if v := c.checker.variants[key]; shared && v != nil {
		c.diagnostics = append(c.diagnostics, v.diagnostics...)
		return v
	}
	before := len(c.diagnostics)
	files, hollow := c.internalFiles(own)
	v := &variant{pkg: c.typecheck(c.p.ImportPath, files, hollow, nil)}
	v.diagnostics = slices.Clone(c.diagnostics[before:])
	if shared {
		c.checker.variants[key] = v
	}
	return v
}

// internalFiles are the package's own files and the internal test files. The own files have no bodies, unless the
// candidate could change their meaning; hollow contains the paths of files without bodies.
func (c *check) internalFiles(own []*packages.File) (files []*ast.File, hollow map[string]bool) {
	hollow = map[string]bool{}
	withBodies := c.candidate != nil && !c.external && altersOthers(c.candidate.Syntax)
	for _, f := range own {
		switch {
		case f.Syntax == nil:
		case withBodies:
			files = append(files, f.Syntax)
		default:
			files = append(files, f.WithoutBodies())
			hollow[f.Path] = true
		}
	}
	return append(files, c.testFiles(c.internals)...), hollow
}

// testFiles are the syntax trees of test files; it adds their syntax errors to the diagnostics.
func (c *check) testFiles(files []*packages.File) (trees []*ast.File) {
	for _, f := range files {
		if f.Err != nil {
			c.diagnostics = append(c.diagnostics, packages.SyntaxDiagnostics(f.Err)...)
		}
		if f.Syntax != nil {
			trees = append(trees, f.Syntax)
		}
	}
	return trees
}

// altersOthers reports whether the file declares something that can change the meaning of function bodies that do not
// mention it: a predeclared name, or a method on a type of another file.
func altersOthers(file *ast.File) bool {
	declared := map[string]bool{}
	forEachName(file, func(name *ast.Ident, receiver string) {
		declared[name.Name] = declared[name.Name] || receiver == ""
	})
	alters := false
	forEachName(file, func(name *ast.Ident, receiver string) {
		if receiver == "" && types.Universe.Lookup(name.Name) != nil || receiver != "" && !declared[receiver] {
			alters = true
		}
	})
	return alters
}

// typecheck type-checks files as package path; base nil is the module's shared importer. Unused imports of hollow files
// are no error, because their uses are in the bodies.
func (c *check) typecheck(path string, files []*ast.File, hollow map[string]bool, base types.Importer) *types.Package {
	conf := c.m.Config(c.p, base, func(err types.Error) {
		if !packages.IsUnusedImport(err) || !hollow[c.m.Position(err.Pos).Filename] {
			c.diagnostics = append(c.diagnostics, c.m.TypeDiagnostic(err))
		}
	})
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, FileVersions: map[*ast.File]string{}}
	pkg, _ := conf.Check(path, c.m.Fset, files, info)
	c.signatures(files, info)
	c.sizes(info)
	return pkg
}

// needsExternal reports whether the external test package has to be checked: because it contains the candidate, or can
// refer to it.
func (c *check) needsExternal() bool {
	if len(c.externals) == 0 {
		return false
	}
	if c.external || c.candidate == nil || len(c.removed) > 0 && c.removedVisible() {
		return true
	}
	if altersOthers(c.candidate.Syntax) {
		return true
	}
	for _, f := range c.externals {
		if f.Syntax == nil {
			continue
		}
		for _, spec := range f.Syntax.Imports {
			if spec.Name != nil && spec.Name.Name == "." {
				return true
			}
		}
	}
	return false
}

// removedVisible reports whether a removed internal test file declares something that other packages can refer to.
func (c *check) removedVisible() bool {
	visible := false
	for _, name := range c.removed {
		f := c.m.Parse(filepath.Join(c.p.Dir, name))
		if f.Syntax == nil {
			return true
		}
		forEachName(f.Syntax, func(name *ast.Ident, receiver string) {
			visible = visible || name.IsExported() && !isTestName(name.Name) || receiver != ""
		})
	}
	return visible
}

func (c *check) checkExternal(internal *variant) {
	var base types.Importer
	if len(c.internals) > 0 && internal.pkg != nil {
		if internal.importer == nil {
			imp, err := c.m.ImporterWith(c.p.ImportPath, internal.pkg)
			if err != nil {
				return
			}
			internal.importer = imp
		}
		base = internal.importer
	}
	c.typecheck(c.p.ImportPath+"_test", c.testFiles(c.externals), nil, base)
}
