// Command gocheck answers, with Go's own packages, what the benchmarks ask about Go sources: one JSON
// request a line on standard input, one JSON answer a line on standard output.
//
//	{"op":"parse","source":BASE64}    does it parse, which functions does it declare, how many CPU seconds did it take
//	{"op":"types","dir":D,"file":F,"chunk":BASE64,"stubs":BASE64}
//	    does the package in D type-check in the chunk when the chunk and the stubs stand in place of the file F
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

type request struct {
	Op     string
	Source []byte
	Dir    string
	File   string
	Chunk  []byte
	Stubs  []byte
}

type answer struct {
	Package   string   `json:"package"`
	Error     string   `json:"error"`
	Functions []string `json:"functions"`
	Seconds   float64  `json:"seconds"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	checker := newChecker()
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for decoder.More() {
		var r request
		if err := decoder.Decode(&r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var a answer
		switch r.Op {
		case "parse":
			a = parse(r.Source)
		case "types":
			a = checker.check(r)
		}
		encoder.Encode(a)
		out.Flush()
	}
}

func parse(source []byte) (a answer) {
	a.Functions = []string{}
	start := cpuSeconds()
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.SkipObjectResolution|parser.ParseComments)
	a.Seconds = cpuSeconds() - start
	if err != nil {
		a.Error = err.Error()
	}
	if file == nil {
		return a
	}
	if file.Name != nil {
		a.Package = file.Name.Name
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			a.Functions = append(a.Functions, receiver(f)+f.Name.Name)
		}
	}
	return a
}

// cpuSeconds is what this process has used, garbage collection included.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "."
		default:
			return "?."
		}
	}
}

type checker struct {
	fset     *token.FileSet
	importer types.ImporterFrom
	context  build.Context
}

func newChecker() *checker {
	context := build.Default
	context.CgoEnabled = false
	build.Default.CgoEnabled = false // the source importer reads it
	fset := token.NewFileSet()
	return &checker{fset, importer.ForCompiler(fset, "source", nil).(types.ImporterFrom), context}
}

// check reports the first error that stands in the chunk. The rest of the package is read as it lies.
func (c *checker) check(r request) (a answer) {
	a.Functions = []string{}
	listed, err := c.context.ImportDir(r.Dir, 0)
	if err != nil {
		a.Error = "skip: " + err.Error()
		return a
	}
	a.Package = listed.ImportPath
	var files []*ast.File
	member := false
	for _, name := range listed.GoFiles {
		if name == r.File {
			member = true
			continue
		}
		f, err := parser.ParseFile(c.fset, filepath.Join(r.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			a.Error = "skip: " + err.Error()
			return a
		}
		files = append(files, f)
	}
	if !member {
		a.Error = "skip: not built here"
		return a
	}
	for name, text := range map[string][]byte{"chunk.go": r.Chunk, "stubs.go": r.Stubs} {
		if len(text) == 0 {
			continue
		}
		f, err := parser.ParseFile(c.fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			a.Error = err.Error()
			return a
		}
		files = append(files, f)
	}
	var found []string
	config := types.Config{
		Importer:    fromDir{c.importer, r.Dir},
		FakeImportC: true,
		Error: func(err error) {
			e, ok := err.(types.Error)
			if ok && strings.HasPrefix(e.Fset.Position(e.Pos).Filename, "chunk.go") && !strings.HasPrefix(e.Msg, "\t") {
				found = append(found, err.Error())
			}
		},
	}
	config.Check(r.Dir, c.fset, files, nil)
	if len(found) > 0 {
		a.Error = strings.Join(found[:min(len(found), 3)], "; ")
	}
	return a
}

// fromDir resolves imports as seen from the checked package, so that vendored ones are found.
type fromDir struct {
	importer types.ImporterFrom
	dir      string
}

func (f fromDir) Import(path string) (*types.Package, error) {
	return f.importer.ImportFrom(path, f.dir, 0)
}
