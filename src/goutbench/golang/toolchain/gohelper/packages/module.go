// Package packages knows the packages of one module: what `go list` reports about them, their parsed files, and their
// types as importers read them.
package packages

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"unsafe"
)

// A Package is the report of `go list` on one package.
type Package struct {
	Dir, ImportPath, Name, Export              string
	Standard                                   bool
	GoFiles, CgoFiles, CompiledGoFiles, SFiles []string
	IgnoredGoFiles, TestGoFiles, XTestGoFiles  []string
	Imports                                    []string
	ImportMap                                  map[string]string
	Module                                     *struct{ GoVersion string }
	Error                                      *struct{ Err string }
	DepsErrors                                 []*struct{ Err string }
}

const listFields = "Dir,ImportPath,Name,Export,Standard,GoFiles,CgoFiles,CompiledGoFiles,SFiles,IgnoredGoFiles," +
	"TestGoFiles,XTestGoFiles,Imports,ImportMap,Module,Error,DepsErrors"

// Problem explains why the package cannot be imported or built; it is empty if it can.
func (p *Package) Problem() string {
	if p.Error != nil && !strings.Contains(p.Error.Err, "no non-test Go files") {
		return p.Error.Err
	}
	for _, err := range p.DepsErrors {
		return err.Err
	}
	return ""
}

// Language is the -lang flag that the go command passes to the compiler; it is empty for the toolchain's own version.
func (p *Package) Language() string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	parts := strings.SplitN(p.Module.GoVersion, ".", 3)
	if len(parts) < 2 {
		return "go" + p.Module.GoVersion
	}
	return "go" + parts[0] + "." + strings.TrimRightFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' })
}

// VisibleFrom applies the go command's rule about internal packages.
func (p *Package) VisibleFrom(from *Package) bool {
	elements := strings.Split(p.ImportPath, "/")
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

// A Module is one module at one commit under one set of build flags: the packages behind its import paths.
type Module struct {
	Fset *token.FileSet

	root     string
	goTool   string
	flags    []string
	tags     []string
	base     types.Importer            // reads export data; all checks share it
	imported map[string]*types.Package // base's own map of packages
	packages map[string]*Package       // by import path
	byDir    map[string]*Package
	missing  map[string]string // import path -> why it cannot be imported
	files    map[string]*File
	depends  map[[2]string]bool
	complete map[string]bool // packages that are loaded together with the imports of their test files
}

// Root is the folder of the nearest go.mod at or above dir, or empty.
func Root(dir string) string {
	for dir != "" {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return ""
}

// New returns the module at root, without any packages. goTool is the go program.
func New(root, goTool string, flags []string) (*Module, error) {
	m := &Module{
		Fset: token.NewFileSet(), root: root, goTool: goTool, flags: flags, tags: buildTags(flags),
		packages: map[string]*Package{}, byDir: map[string]*Package{}, missing: map[string]string{},
		files: map[string]*File{}, depends: map[[2]string]bool{}, complete: map[string]bool{},
	}
	var err error
	m.base, m.imported, err = m.newImporter()
	return m, err
}

// Package is the package with an import path, or nil if it is not loaded.
func (m *Module) Package(path string) *Package { return m.packages[path] }

// Count is the number of loaded packages.
func (m *Module) Count() int { return len(m.packages) }

// At is the package in dir, or nil if it is not loaded together with the imports of its test files.
func (m *Module) At(dir string) *Package {
	if p := m.byDir[dir]; p != nil && m.complete[p.ImportPath] {
		return p
	}
	return nil
}

// ── loading ────────────────────────────────────────────────────────────────────────────────────────

// prelude lists packages that tests commonly import and that compile quickly. They are loaded with the first package,
// because each `go list` costs more than they do. The mutator needs os.
const prelude = `bufio bytes cmp context encoding/hex encoding/json errors flag fmt io io/fs io/ioutil iter
	log maps math math/rand os path path/filepath reflect regexp runtime slices sort strconv strings sync sync/atomic
	testing testing/iotest testing/quick time unicode unicode/utf8`

// LoadDirs lists packages by directory, and everything that their test files import.
func (m *Module) LoadDirs(dirs []string) error {
	var ask []string
	imports := map[string]bool{}
	for _, dir := range dirs {
		ask = append(ask, dir)
		// all test files in the folder: a superset of those that go list reports
		names, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, name := range names {
			if f := m.Parse(name); f.Syntax != nil && m.Matches(name, nil) {
				for _, spec := range f.Syntax.Imports {
					imports[ImportPath(spec)] = true
				}
			}
		}
	}
	standard := isStandardRoot(m.root)
	for path := range imports {
		path = vendored(m.root, standard, path)
		if m.packages[path] == nil && isSinglePackage(path) {
			ask = append(ask, path)
		}
	}
	if err := m.list(ask); err != nil {
		return err
	}
	for _, dir := range dirs {
		if p := m.byDir[dir]; p != nil {
			m.complete[p.ImportPath] = true
		}
	}
	return nil
}

// Load lists the package in dir, and the imports of a candidate file for it.
func (m *Module) Load(dir, name string, source []byte) error {
	if m.At(dir) == nil {
		if err := m.LoadDirs([]string{dir}); err != nil {
			return err
		}
	}
	p := m.At(dir)
	if p == nil {
		return errors.New("go list reports no package in " + dir)
	}
	if len(p.CgoFiles) > 0 && len(p.CompiledGoFiles) == 0 {
		if err := m.compiledFiles(p); err != nil {
			return err
		}
	}
	var paths []string
	if f, _ := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly); f != nil {
		for _, spec := range f.Imports {
			paths = append(paths, ImportPath(spec))
		}
	}
	return m.list(m.Unknown(p, paths))
}

// list asks `go list` about packages (import paths or directories) and all their dependencies.
func (m *Module) list(args []string) error {
	if len(args) == 0 {
		return nil
	}
	command := append([]string{"list", "-e", "-export", "-deps", "-json=" + listFields}, m.flags...)
	if len(m.packages) == 0 {
		args = append(args, strings.Fields(prelude)...)
	}
	cmd := m.goCommand(append(append(command, "--"), args...))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	decoder := json.NewDecoder(out)
	for {
		p := new(Package)
		err := decoder.Decode(p)
		if err == io.EOF {
			break
		}
		if err != nil {
			cmd.Wait()
			return fmt.Errorf("go list: %w: %.500s", err, stderr.String())
		}
		if old := m.packages[p.ImportPath]; old != nil && old.Export != "" {
			continue
		}
		m.packages[p.ImportPath] = p
		m.byDir[p.Dir] = p
	}
	if err := cmd.Wait(); err != nil && len(m.packages) == 0 {
		return fmt.Errorf("go list: %.500s", stderr.String())
	}
	for _, path := range args {
		if m.packages[path] == nil && !filepath.IsAbs(path) {
			m.missing[path] = "cannot find package " + path
		}
	}
	return nil
}

func (m *Module) compiledFiles(p *Package) error {
	args := append([]string{"list", "-e", "-compiled", "-json=CompiledGoFiles"}, m.flags...)
	out, err := m.goCommand(append(args, "--", p.ImportPath)).Output()
	if err != nil {
		return fmt.Errorf("go list -compiled %s: %w", p.ImportPath, err)
	}
	if err := json.Unmarshal(out, p); err != nil {
		return err
	}
	if len(p.CompiledGoFiles) == 0 {
		return errors.New("cgo failed for " + p.ImportPath)
	}
	return nil
}

func (m *Module) goCommand(args []string) *exec.Cmd {
	cmd := exec.Command(m.goTool, args...)
	cmd.Dir = m.root
	cmd.Env = append(os.Environ(), "PWD="+m.root)
	return cmd
}

// ── import paths ───────────────────────────────────────────────────────────────────────────────────

// ImportPath is the path in an import spec.
func ImportPath(spec *ast.ImportSpec) string {
	return strings.Trim(spec.Path.Value, "\"`")
}

// isStandardRoot reports whether root is the module of the standard library or of cmd: import paths with a dot in
// their first element then refer to its own vendor folder.
func isStandardRoot(root string) bool {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	first, _, _ := strings.Cut(string(text), "\n")
	return err == nil && (first == "module std" || first == "module cmd")
}

func vendored(root string, standard bool, path string) string {
	first, _, _ := strings.Cut(path, "/")
	if !standard || !strings.Contains(first, ".") {
		return path
	}
	if filepath.Base(root) == "cmd" {
		return "cmd/vendor/" + path
	}
	return "vendor/" + path
}

// isSinglePackage reports whether `go list` reads the path as one package, and not as a flag, pattern or query.
func isSinglePackage(path string) bool {
	switch path {
	case "", "C", "unsafe", "all", "std", "cmd", "tool", "work", "main":
		return false
	}
	return strings.Trim(path, "/") == path && path[0] != '-' && path[0] != '.' && !strings.Contains(path, "...") &&
		!strings.ContainsAny(path, "@\\ \t\n\"'`*?<>|:;!")
}

// Resolve maps an import path in p's files to the package that it refers to.
func (m *Module) Resolve(p *Package, path string) string {
	if mapped := p.ImportMap[path]; mapped != "" {
		return mapped
	}
	return vendored(m.root, p.Standard, path)
}

// Missing explains why a resolved import path cannot be imported; it is empty if it can, or is not loaded.
func (m *Module) Missing(path string) string { return m.missing[path] }

// Unknown returns the import paths of p's files that `go list` has not been asked about.
func (m *Module) Unknown(p *Package, paths []string) []string {
	var ask []string
	for _, path := range paths {
		path = m.Resolve(p, path)
		if _, failed := m.missing[path]; m.packages[path] != nil || failed || path == "C" || path == "unsafe" {
			continue
		}
		if !isSinglePackage(path) {
			m.missing[path] = fmt.Sprintf("malformed import path %q", path)
			continue
		}
		ask = append(ask, path)
	}
	return ask
}

// Reaches reports whether package from imports package to, directly or not.
func (m *Module) Reaches(from, to string) bool {
	if from == to {
		return true
	}
	key := [2]string{from, to}
	if reaches, cached := m.depends[key]; cached {
		return reaches
	}
	m.depends[key] = false
	if p := m.packages[from]; p != nil {
		for _, path := range p.Imports {
			if path != "C" && m.Reaches(m.Resolve(p, path), to) {
				m.depends[key] = true
				break
			}
		}
	}
	return m.depends[key]
}

// ── types ──────────────────────────────────────────────────────────────────────────────────────────

// Config is a type checker's configuration for p's files. base nil: the shared importer. It reports all errors,
// without the lines that continue the error before.
func (m *Module) Config(p *Package, base types.Importer, report func(types.Error)) types.Config {
	if base == nil {
		base = m.base
	}
	return types.Config{
		GoVersion: p.Language(),
		Importer:  resolvingImporter{m, p, base},
		Sizes:     types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) {
			if problem, ok := err.(types.Error); ok && !strings.HasPrefix(problem.Msg, "\t") {
				report(problem)
			}
		},
	}
}

// resolvingImporter resolves the import paths in package p's files.
type resolvingImporter struct {
	module *Module
	pkg    *Package
	base   types.Importer
}

func (i resolvingImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return i.base.Import(i.module.Resolve(i.pkg, path))
}

// newImporter returns an importer of export data and its map of packages. The map is private to go/importer. But a test
// variant of a package (with its internal test files) has to replace the package for everything that imports it, and
// go/importer has no other way to express that.
func (m *Module) newImporter() (types.Importer, map[string]*types.Package, error) {
	imp := importer.ForCompiler(m.Fset, "gc", func(path string) (io.ReadCloser, error) {
		p := m.packages[path]
		if p == nil || p.Export == "" {
			return nil, fmt.Errorf("no export data for %q", path)
		}
		return os.Open(p.Export)
	})
	field := reflect.ValueOf(imp).Elem().FieldByName("packages")
	if !field.IsValid() || field.Type() != reflect.TypeFor[map[string]*types.Package]() {
		return nil, nil, errors.New("this Go version's go/importer is not supported")
	}
	return imp, *(*map[string]*types.Package)(unsafe.Pointer(field.UnsafeAddr())), nil
}

// ImporterWith returns an importer in which variant replaces the package at path. It contains all packages that do not
// depend on path. The shared importer first completes them, so that no package has two identities.
func (m *Module) ImporterWith(path string, variant *types.Package) (types.Importer, error) {
	imp, imported, err := m.newImporter()
	if err != nil {
		return nil, err
	}
	tried := map[string]bool{}
	for again := true; again; {
		again = false
		for other, pkg := range maps.Clone(m.imported) {
			if !pkg.Complete() && !tried[other] && !m.Reaches(other, path) {
				tried[other], again = true, true
				m.base.Import(other)
			}
		}
	}
	for other, pkg := range m.imported {
		if !m.Reaches(other, path) {
			imported[other] = pkg
		}
	}
	variant.MarkComplete()
	imported[path] = variant
	return imp, nil
}
