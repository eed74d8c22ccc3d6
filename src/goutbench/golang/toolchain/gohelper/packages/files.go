package packages

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A File is a parsed file. A module caches its files, because a checked-out commit does not change.
type File struct {
	Path   string
	Source []byte
	Syntax *ast.File // nil if the file cannot be read
	Err    error     // syntax errors

	withoutBodies *ast.File
}

// Parse reads and parses a file, once.
func (m *Module) Parse(path string) *File {
	if f := m.files[path]; f != nil {
		return f
	}
	source, err := os.ReadFile(path)
	f := &File{Path: path, Err: err}
	if err == nil {
		f = m.ParseSource(path, source)
	}
	m.files[path] = f
	return f
}

// ParseSource parses source as the file at path, without caching it. Forget releases it.
func (m *Module) ParseSource(path string, source []byte) *File {
	mode := parser.ParseComments | parser.SkipObjectResolution | parser.AllErrors
	file, err := parser.ParseFile(m.Fset, path, source, mode)
	return &File{Path: path, Source: source, Syntax: file, Err: err}
}

// Forget removes a file of ParseSource from the module's file set.
func (m *Module) Forget(f *File) {
	if f != nil && f.Syntax != nil {
		if file := m.Fset.File(f.Syntax.FileStart); file != nil {
			m.Fset.RemoveFile(file)
		}
	}
}

// Sources are the paths of the package's own files as the compiler reads them: after cgo, if the package uses it.
func (m *Module) Sources(p *Package) []string {
	names := p.GoFiles
	if len(p.CgoFiles) > 0 {
		names = p.CompiledGoFiles
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = name // cgo writes files into the build cache, under absolute names without .go
		if !filepath.IsAbs(name) {
			paths[i] = filepath.Join(p.Dir, name)
		}
	}
	return paths
}

// ParseAll parses files.
func (m *Module) ParseAll(paths []string) []*File {
	files := make([]*File, len(paths))
	for i, path := range paths {
		files[i] = m.Parse(path)
	}
	return files
}

// WithoutBodies is the file with an endless loop as the body of every function. Such a body needs no return and no
// names, and the declarations still show everything that other files can refer to.
func (f *File) WithoutBodies() *ast.File {
	if f.withoutBodies != nil || f.Syntax == nil {
		return f.withoutBodies
	}
	file := *f.Syntax
	file.Decls = make([]ast.Decl, len(f.Syntax.Decls))
	for i, decl := range f.Syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			decl = withoutBody(fn)
		}
		file.Decls[i] = decl
	}
	f.withoutBodies = &file
	return f.withoutBodies
}

func withoutBody(fn *ast.FuncDecl) *ast.FuncDecl {
	hollow := *fn
	at := fn.Body.Lbrace
	loop := &ast.ForStmt{For: at, Body: &ast.BlockStmt{Lbrace: at, Rbrace: at}}
	hollow.Body = &ast.BlockStmt{Lbrace: at, List: []ast.Stmt{loop}, Rbrace: fn.Body.Rbrace}
	if fn.Name.Name == "init" && fn.Recv == nil {
		hollow.Body.List = nil
	}
	return &hollow
}

// Matches reports whether the file's name and build constraints include it in a build on this machine. A malformed file
// is included, so that the build reports it. source nil: read the file.
func (m *Module) Matches(path string, source []byte) bool {
	return InBuild(path, source, m.tags, build.Default.CgoEnabled)
}

// InBuild is Matches for any file, tags, and with or without cgo.
func InBuild(path string, source []byte, tags []string, cgo bool) bool {
	context := build.Default
	context.BuildTags = tags
	context.CgoEnabled = cgo
	if source != nil {
		context.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(source)), nil }
	}
	ok, err := context.MatchFile(filepath.Dir(path), filepath.Base(path))
	return ok || err != nil
}

// BuildTags are the tags in build flags ("-tags=a,b").
func BuildTags(flags []string) []string {
	var tags []string
	for i, flag := range flags {
		name, value, hasValue := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		if name == "tags" && !hasValue && i+1 < len(flags) {
			value = flags[i+1]
		}
		if name == "tags" {
			tags = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return tags
}

// Position is the position of pos in its file, regardless of line directives.
func (m *Module) Position(pos token.Pos) token.Position { return m.Fset.PositionFor(pos, false) }
