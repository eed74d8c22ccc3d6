package packages

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

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
	if m.withTests(dir) == nil {
		if err := m.LoadDirs([]string{dir}); err != nil {
			return err
		}
	}
	p := m.withTests(dir)
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
	cmd.Env = append(os.Environ(), "PWD="+m.root, "GOWORK="+m.goWork)
	return cmd
}

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
