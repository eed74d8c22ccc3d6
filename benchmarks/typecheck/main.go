// Typecheck says, for files put in place of others in their package, what go/types finds wrong.
//
//	typecheck LIST < jobs > answers
//
// LIST is the output of `go list -e -deps -test -export -compiled -json`. A job is one JSON object per line:
// {"id": "…", "package": "ImportPath as listed", "replace": {"old path": "new path"}, "add": ["path"]}; an empty new
// path leaves the file out. An answer is {"id": "…", "errors": ["…"]}; none means that the package type-checks.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"strings"
)

type listed struct {
	ImportPath, Dir, Name, ForTest, Export string
	GoFiles, CompiledGoFiles               []string
	ImportMap                              map[string]string
}

type job struct {
	ID      string            `json:"id"`
	Package string            `json:"package"`
	Replace map[string]string `json:"replace"`
	Add     []string          `json:"add"`
}

type answer struct {
	ID     string   `json:"id"`
	Errors []string `json:"errors"`
}

// checker type-checks packages of one listing. Importers are kept per package, since each test variant maps
// its imports to other export data.
type checker struct {
	packages map[string]*listed
	last     string
	fset     *token.FileSet
	importer types.Importer
	parsed   map[string]*ast.File
}

func main() {
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(list string, in io.Reader, out io.Writer) error {
	packages, err := readList(list)
	if err != nil {
		return err
	}
	c := &checker{packages: packages}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var j job
		if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
			return err
		}
		if err := encoder.Encode(answer{j.ID, c.check(j)}); err != nil {
			return err
		}
	}
	return lines.Err()
}

func readList(path string) (map[string]*listed, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	packages := map[string]*listed{}
	decoder := json.NewDecoder(file)
	for {
		p := new(listed)
		if err := decoder.Decode(p); err == io.EOF {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages[p.ImportPath] = p
	}
}

func (c *checker) check(j job) []string {
	p, ok := c.packages[j.Package]
	if !ok {
		return []string{"package is not listed: " + j.Package}
	}
	if c.last != j.Package {
		c.last, c.fset, c.parsed = j.Package, token.NewFileSet(), map[string]*ast.File{}
		c.importer = importer.ForCompiler(c.fset, "gc", c.lookup(p))
	}
	var errors []string
	var files []*ast.File
	for _, path := range c.files(p, j) {
		file, err := c.parse(path)
		if err != nil {
			errors = append(errors, err.Error())
			continue
		}
		files = append(files, file)
	}
	if len(errors) > 0 {
		return errors
	}
	config := types.Config{
		Importer:    c.importer,
		FakeImportC: true,
		Sizes:       types.SizesFor("gc", "amd64"),
		Error:       func(err error) { errors = append(errors, err.Error()) },
	}
	path, _, _ := strings.Cut(p.ImportPath, " ")
	config.Check(path, c.fset, files, nil)
	return errors
}

func (c *checker) files(p *listed, j job) []string {
	names := p.CompiledGoFiles
	if len(names) == 0 {
		names = p.GoFiles
	}
	var paths []string
	for _, name := range names {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Dir, name)
		}
		if replaced, ok := j.Replace[path]; ok {
			path = replaced
		}
		if path != "" { // what cgo wrote has no .go at its end
			paths = append(paths, path)
		}
	}
	return append(paths, j.Add...)
}

func (c *checker) parse(path string) (*ast.File, error) {
	if file, ok := c.parsed[path]; ok {
		return file, nil
	}
	file, err := parser.ParseFile(c.fset, path, nil, parser.SkipObjectResolution)
	if err == nil {
		c.parsed[path] = file
	}
	return file, err
}

func (c *checker) lookup(p *listed) importer.Lookup {
	return func(path string) (io.ReadCloser, error) {
		if mapped, ok := p.ImportMap[path]; ok {
			path = mapped
		}
		found, ok := c.packages[path]
		if !ok || found.Export == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(found.Export)
	}
}
