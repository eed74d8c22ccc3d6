// Package packages knows the packages of one module: what `go list` reports about them, their parsed files, and their
// types as importers read them.
package packages

import (
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
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
	goWork   string
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

// New returns the module at root, without any packages. goTool is the go program, goWork the go.work file that applies, or
// empty.
func New(root, goTool, goWork string, flags []string) (*Module, error) {
	if goWork == "" {
		goWork = "off"
	}
	m := &Module{
		Fset: token.NewFileSet(), root: root, goTool: goTool, goWork: goWork, flags: flags, tags: BuildTags(flags),
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

// At is the package in dir, or nil if it is not loaded together with the imports of its test files, and with its files
// after cgo.
func (m *Module) At(dir string) *Package {
	if p := m.withTests(dir); p != nil && (len(p.CgoFiles) == 0 || len(p.CompiledGoFiles) > 0) {
		return p
	}
	return nil
}

// withTests is the package in dir, or nil if it is not loaded together with the imports of its test files.
func (m *Module) withTests(dir string) *Package {
	if p := m.byDir[dir]; p != nil && m.complete[p.ImportPath] {
		return p
	}
	return nil
}
