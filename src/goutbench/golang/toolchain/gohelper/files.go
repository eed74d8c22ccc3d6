package main

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

// A parsed file, kept for the life of its world: a materialised commit does not change.
type parsed struct {
	path     string
	src      []byte
	file     *ast.File // nil when it cannot be read at all
	err      error     // syntax errors
	stripped *ast.File
}

func (w *world) parse(path string) *parsed {
	if f := w.files[path]; f != nil {
		return f
	}
	src, err := os.ReadFile(path)
	f := &parsed{path: path, err: err}
	if err == nil {
		f = w.parseSource(path, src)
	}
	w.files[path] = f
	return f
}

func (w *world) parseSource(path string, src []byte) *parsed {
	mode := parser.ParseComments | parser.SkipObjectResolution | parser.AllErrors
	file, err := parser.ParseFile(w.fset, path, src, mode)
	return &parsed{path: path, src: src, file: file, err: err}
}

func (w *world) parseAll(paths []string) []*parsed {
	files := make([]*parsed, len(paths))
	for i, path := range paths {
		files[i] = w.parse(path)
	}
	return files
}

// withoutBodies is the file with every function body replaced by an endless loop, which needs no return and no
// names: its declarations still say all that other files can see of it.
func (f *parsed) withoutBodies() *ast.File {
	if f.stripped != nil || f.file == nil {
		return f.stripped
	}
	file := *f.file
	file.Decls = make([]ast.Decl, len(f.file.Decls))
	for i, decl := range f.file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			decl = withoutBody(fn)
		}
		file.Decls[i] = decl
	}
	f.stripped = &file
	return f.stripped
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

// matches says whether build constraints, and the name, put the file into a build here; what cannot be read is put
// there, where it fails. src nil: read it from disk.
func matches(path string, src []byte) bool {
	ctxt := build.Default
	ctxt.BuildTags = buildTags
	if src != nil {
		ctxt.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	}
	ok, err := ctxt.MatchFile(filepath.Dir(path), filepath.Base(path))
	return ok || err != nil
}

// buildTags are those of the request at hand ("-tags=a,b").
var buildTags []string

func tagsOf(flags []string) []string {
	var tags []string
	for i, flag := range flags {
		name, value, found := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		if name == "tags" && !found && i+1 < len(flags) {
			value = flags[i+1]
		}
		if name == "tags" {
			tags = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return tags
}

// topNames calls see for each package-level name that file declares; for a method also with its receiver's type.
func topNames(file *ast.File, see func(name *ast.Ident, receiver string)) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			see(decl.Name, receiverName(decl))
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					see(spec.Name, "")
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						see(name, "")
					}
				}
			}
		}
	}
}

func receiverName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	typ := fn.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.ParenExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		case *ast.Ident:
			return t.Name
		default:
			return "?"
		}
	}
}

func (w *world) drop(f *parsed) {
	if f != nil && f.file != nil {
		if file := w.fset.File(f.file.FileStart); file != nil {
			w.fset.RemoveFile(file)
		}
	}
}

func (w *world) position(pos token.Pos) token.Position { return w.fset.PositionFor(pos, false) }
