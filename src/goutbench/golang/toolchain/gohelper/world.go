package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"unsafe"
)

// A listed is what `go list` says of one package.
type listed struct {
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

// A world is one module at one commit under one set of build flags: what its import paths mean.
type world struct {
	root     string
	goTool   string
	flags    []string
	fset     *token.FileSet
	base     types.Importer            // reads export data; shared by every check in this world
	loaded   map[string]*types.Package // base's own map of packages
	pkgs     map[string]*listed        // by import path
	byDir    map[string]*listed
	missing  map[string]string // import path -> why it cannot be imported
	files    map[string]*parsed
	depends  map[[2]string]bool
	variants map[string]*variant
	universe map[string]bool
	complete map[string]bool // packages whose whole closure has been read by base
}

// worlds keeps the few most recent worlds, so that a run over many commits does not keep them all in memory.
type worlds struct {
	byKey map[string]*world
	order []string
}

const keptWorlds = 4

func newWorlds() *worlds { return &worlds{byKey: map[string]*world{}} }

func worldKey(req *request) (root, key string) {
	dir := req.Dir
	if dir == "" && len(req.Dirs) > 0 {
		dir = req.Dirs[0]
	}
	root = moduleRoot(dir)
	return root, root + "\x00" + strings.Join(req.Flags, "\x00")
}

func (ws *worlds) of(req *request) (*world, error) {
	root, key := worldKey(req)
	if root == "" {
		return nil, errors.New("no go.mod above " + req.Dir)
	}
	if w := ws.byKey[key]; w != nil {
		return w, nil
	}
	if len(ws.order) == keptWorlds {
		delete(ws.byKey, ws.order[0])
		ws.order = ws.order[1:]
	}
	w := &world{
		root: root, goTool: req.Go, flags: req.Flags, fset: token.NewFileSet(),
		pkgs: map[string]*listed{}, byDir: map[string]*listed{}, missing: map[string]string{},
		files: map[string]*parsed{}, depends: map[[2]string]bool{}, variants: map[string]*variant{},
		complete: map[string]bool{},
	}
	var err error
	if w.base, w.loaded, err = w.newImporter(); err != nil {
		return nil, err
	}
	ws.byKey[key] = w
	ws.order = append(ws.order, key)
	return w, nil
}

func (ws *worlds) forget(req *request) {
	_, key := worldKey(req)
	delete(ws.byKey, key)
	for i, other := range ws.order {
		if other == key {
			ws.order = append(ws.order[:i:i], ws.order[i+1:]...)
			break
		}
	}
}

func moduleRoot(dir string) string {
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

// newImporter gives an importer of export data and the map in which it keeps its packages. The map is private to
// go/importer, but a test variant of a package (itself plus its internal test files) has to take the package's place
// for everything that imports it, and go/importer offers no other way to say so.
func (w *world) newImporter() (types.Importer, map[string]*types.Package, error) {
	imp := importer.ForCompiler(w.fset, "gc", func(path string) (io.ReadCloser, error) {
		p := w.pkgs[path]
		if p == nil || p.Export == "" {
			return nil, fmt.Errorf("no export data for %q", path)
		}
		return os.Open(p.Export)
	})
	field := reflect.ValueOf(imp).Elem().FieldByName("packages")
	if !field.IsValid() || field.Type() != reflect.TypeFor[map[string]*types.Package]() {
		return nil, nil, errors.New("this Go's go/importer is unlike the ones known")
	}
	return imp, *(*map[string]*types.Package)(unsafe.Pointer(field.UnsafeAddr())), nil
}

// What tests commonly import and is cheap to compile: asked for together with the first package, since every
// `go list` costs more than these packages do. The mutator needs os.
var prelude = strings.Fields(`bufio bytes cmp context encoding/hex encoding/json errors flag fmt io io/fs io/ioutil iter
	log maps math math/rand os path path/filepath reflect regexp runtime slices sort strconv strings sync sync/atomic
	testing testing/iotest testing/quick time unicode unicode/utf8`)

// list asks `go list` about packages (import paths or directories) and all they depend on.
func (w *world) list(args []string) error {
	if len(args) == 0 {
		return nil
	}
	command := append([]string{"list", "-e", "-export", "-deps", "-json=" + listFields}, w.flags...)
	if len(w.pkgs) == 0 {
		args = append(args, prelude...)
	}
	cmd := exec.Command(w.goTool, append(append(command, "--"), args...)...)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "PWD="+w.root)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	decoder := json.NewDecoder(out)
	for {
		p := new(listed)
		err := decoder.Decode(p)
		if err == io.EOF {
			break
		}
		if err != nil {
			cmd.Wait()
			return fmt.Errorf("go list: %w: %.500s", err, complaint.String())
		}
		if old := w.pkgs[p.ImportPath]; old != nil && old.Export != "" {
			continue
		}
		w.pkgs[p.ImportPath] = p
		w.byDir[p.Dir] = p
	}
	if err := cmd.Wait(); err != nil && len(w.pkgs) == 0 {
		return fmt.Errorf("go list: %.500s", complaint.String())
	}
	for _, path := range args {
		if w.pkgs[path] == nil && !filepath.IsAbs(path) {
			w.missing[path] = "cannot find package " + path
		}
	}
	return nil
}

// at gives the package in dir if it has been loaded with everything that its own test files import.
func (w *world) at(dir string) *listed {
	if p := w.byDir[dir]; p != nil && w.complete[p.ImportPath] {
		return p
	}
	return nil
}

// loadDirs lists packages by directory, and whatever their test files import.
func (w *world) loadDirs(dirs []string) error {
	var ask []string
	imports := map[string]bool{}
	for _, dir := range dirs {
		ask = append(ask, dir)
		// the test files as they lie in the folder: a superset of what go list would keep, found without asking it
		names, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
		for _, name := range names {
			if f := w.parse(name); f.file != nil && matches(name, nil) {
				for _, spec := range f.file.Imports {
					imports[importPath(spec)] = true
				}
			}
		}
	}
	standard := isStandardRoot(w.root)
	for path := range imports {
		path = vendored(w.root, standard, path)
		if w.pkgs[path] == nil && askable(path) {
			ask = append(ask, path)
		}
	}
	if err := w.list(ask); err != nil {
		return err
	}
	for _, dir := range dirs {
		if p := w.byDir[dir]; p != nil {
			w.complete[p.ImportPath] = true
		}
	}
	return nil
}

func (w *world) warm(dirs []string) any {
	if err := w.loadDirs(dirs); err != nil {
		return map[string]string{"infra": err.Error()}
	}
	return map[string]int{"packages": len(w.pkgs)}
}

// isStandardRoot says whether root is the standard library's module (or cmd's): import paths with a dot in their
// first element are then those of its own vendor folder.
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

// askable: a path that `go list` takes for one package and nothing else (not a flag, a pattern or a query).
func askable(path string) bool {
	switch path {
	case "", "C", "unsafe", "all", "std", "cmd", "tool", "work", "main":
		return false
	}
	return strings.Trim(path, "/") == path && path[0] != '-' && path[0] != '.' && !strings.Contains(path, "...") &&
		!strings.ContainsAny(path, "@\\ \t\n\"'`*?<>|:;!")
}

// resolve gives the import path's meaning in package p's files.
func (w *world) resolve(p *listed, path string) string {
	if mapped := p.ImportMap[path]; mapped != "" {
		return mapped
	}
	return vendored(w.root, p.Standard, path)
}

// unknown are those import paths of package p's files that `go list` has to be asked about.
func (w *world) unknown(p *listed, paths []string) []string {
	var ask []string
	for _, path := range paths {
		path = w.resolve(p, path)
		if _, known := w.missing[path]; w.pkgs[path] != nil || known || path == "C" || path == "unsafe" {
			continue
		}
		if !askable(path) {
			w.missing[path] = fmt.Sprintf("malformed import path %q", path)
			continue
		}
		ask = append(ask, path)
	}
	return ask
}

// trouble says why package p of this world cannot be imported or built, "" when it can.
func (p *listed) trouble() string {
	if p.Error != nil && !strings.Contains(p.Error.Err, "no non-test Go files") {
		return p.Error.Err
	}
	for _, err := range p.DepsErrors {
		return err.Err
	}
	return ""
}

// reaches says whether package from imports package to, directly or not.
func (w *world) reaches(from, to string) bool {
	if from == to {
		return true
	}
	key := [2]string{from, to}
	known, seen := w.depends[key]
	if seen {
		return known
	}
	w.depends[key] = false
	if p := w.pkgs[from]; p != nil {
		for _, path := range p.Imports {
			if path != "C" && w.reaches(w.resolve(p, path), to) {
				w.depends[key] = true
				break
			}
		}
	}
	return w.depends[key]
}

// importerFor resolves the import paths written in package p's files.
type importerFor struct {
	world *world
	pkg   *listed
	base  types.Importer
}

func (i importerFor) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return i.base.Import(i.world.resolve(i.pkg, path))
}

// sources gives the package's own files as the compiler sees them: after cgo where there is cgo.
func (w *world) sources(p *listed) []string {
	names := p.GoFiles
	if len(p.CgoFiles) > 0 {
		names = p.CompiledGoFiles
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = inDir(p.Dir, name) // what cgo wrote lies in the build cache, under names without .go
	}
	return paths
}

func (w *world) compiledFiles(p *listed) error {
	args := append([]string{"list", "-e", "-compiled", "-json=CompiledGoFiles"}, w.flags...)
	cmd := exec.Command(w.goTool, append(args, "--", p.ImportPath)...)
	cmd.Dir, cmd.Env = w.root, append(os.Environ(), "PWD="+w.root)
	out, err := cmd.Output()
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

func inDir(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

func importPath(spec *ast.ImportSpec) string {
	return strings.Trim(spec.Path.Value, "\"`")
}
