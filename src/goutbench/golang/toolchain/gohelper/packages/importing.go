package packages

import (
	"errors"
	"fmt"
	"go/importer"
	"go/types"
	"io"
	"maps"
	"os"
	"reflect"
	"runtime"
	"strings"
	"unsafe"
)

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
