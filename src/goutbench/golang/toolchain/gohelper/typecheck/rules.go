package typecheck

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"goutbench/gohelper/packages"
)

// The rules of the go command and the compiler that go/types does not check.

func isTestName(name string) bool {
	return isTest(name, "Test") || isTest(name, "Benchmark") || isTest(name, "Fuzz") || isTest(name, "Example")
}

// isTest is cmd/go's rule: "Test" and "TestA" are names of tests, "Testimony" is not.
func isTest(name, prefix string) bool {
	suffix, ok := strings.CutPrefix(name, prefix)
	if !ok || suffix == "" {
		return ok
	}
	r, _ := utf8.DecodeRuneInString(suffix)
	return !unicode.IsLower(r)
}

// testNames are the functions that `go test` runs: tests, fuzz targets (their seeds) and examples with a comment on their
// output. It only compiles other examples.
func testNames(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil {
			continue
		}
		test := isTest(fn.Name.Name, "Test") && looksLikeTest(fn, "T")
		if test || isTest(fn.Name.Name, "Fuzz") && looksLikeTest(fn, "F") {
			names = append(names, fn.Name.Name)
		}
	}
	examples := doc.Examples(file)
	slices.SortFunc(examples, func(a, b *doc.Example) int { return a.Order - b.Order })
	for _, example := range examples {
		if example.Output != "" || example.EmptyOutput {
			names = append(names, "Example"+example.Name)
		}
	}
	return names
}

// looksLikeTest is cmd/go's isTestFunc, which reads the syntax only.
func looksLikeTest(fn *ast.FuncDecl, arg string) bool {
	params := fn.Type.Params.List
	if fn.Type.Results.NumFields() > 0 || len(params) != 1 || len(params[0].Names) > 1 {
		return false
	}
	pointer, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch x := pointer.X.(type) {
	case *ast.Ident:
		return x.Name == arg
	case *ast.SelectorExpr:
		return x.Sel.Name == arg
	}
	return false
}

// signatures finds test functions that cmd/go refuses, or that the generated test main cannot call.
func (c *check) signatures(files []*ast.File, info *types.Info) {
	for _, file := range files {
		if !strings.HasSuffix(c.m.Position(file.Package).Filename, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				c.signature(fn, info)
			}
		}
	}
}

func (c *check) signature(fn *ast.FuncDecl, info *types.Info) {
	name, arg := fn.Name.Name, ""
	switch {
	case name == "TestMain" && !looksLikeTest(fn, "T"):
		arg = "M"
	case isTest(name, "Test"):
		arg = "T"
	case isTest(name, "Benchmark"):
		arg = "B"
	case isTest(name, "Fuzz"):
		arg = "F"
	default:
		return
	}
	if fn.Type.TypeParams.NumFields() > 0 {
		c.add(fn.Pos(), "bad-test-signature", fmt.Sprintf("wrong signature for %s, test functions cannot have type parameters", name))
		return
	}
	if !looksLikeTest(fn, arg) || !takes(info.Defs[fn.Name], arg) {
		c.add(fn.Pos(), "bad-test-signature",
			fmt.Sprintf("wrong signature for %s, must be: func %s(%s *testing.%s)", name, name, strings.ToLower(arg), arg))
	}
}

// takes reports whether the function's only parameter is *testing.ARG. An invalid type has an error of its own.
func takes(object types.Object, arg string) bool {
	fn, ok := object.(*types.Func)
	if !ok {
		return true
	}
	params := fn.Signature().Params()
	if params.Len() != 1 {
		return false
	}
	pointer, ok := types.Unalias(params.At(0).Type()).(*types.Pointer)
	if !ok {
		return !isValid(params.At(0).Type())
	}
	named, ok := types.Unalias(pointer.Elem()).(*types.Named)
	if !ok {
		return !isValid(pointer.Elem())
	}
	return named.Obj().Name() == arg && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "testing"
}

func isValid(t types.Type) bool { return types.Unalias(t) != types.Typ[types.Invalid] }

// testMain finds two TestMain functions, one in each of the two test packages.
func (c *check) testMain() {
	var mains []*ast.FuncDecl
	for _, f := range append(append([]*packages.File{}, c.internals...), c.externals...) {
		if f.Syntax == nil {
			continue
		}
		for _, decl := range f.Syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.Name == "TestMain" && !looksLikeTest(fn, "T") {
				mains = append(mains, fn)
			}
		}
	}
	if len(mains) > 1 && len(c.diagnostics) == 0 {
		c.add(mains[1].Pos(), "redeclared", "multiple definitions of TestMain")
	}
}

// addressSpace is the compiler's limit on the size of one type on 64-bit machines.
const addressSpace = 1 << 50

func (c *check) sizes(info *types.Info) {
	if len(c.diagnostics) > 0 {
		return // invalid types have no meaningful size
	}
	sizes := map[types.Type]int64{}
	var tooLarge []token.Pos
	for name, object := range info.Defs {
		switch object.(type) {
		case *types.Var, *types.TypeName:
			if minimalSize(object.Type(), sizes) >= addressSpace {
				tooLarge = append(tooLarge, name.Pos())
			}
		}
	}
	slices.Sort(tooLarge)
	for _, pos := range tooLarge {
		c.add(pos, "other", "type is larger than the address space")
	}
}

// minimalSize is a lower bound of a type's size in bytes, at most addressSpace. types.Sizes takes time exponential in the
// depth of nested structs, and a hostile candidate nests them. sizes caches the results.
func minimalSize(t types.Type, sizes map[types.Type]int64) int64 {
	t = types.Unalias(t)
	if size, cached := sizes[t]; cached {
		return size
	}
	sizes[t] = 0
	size := int64(0)
	switch u := t.Underlying().(type) {
	case *types.Array:
		size = minimalSize(u.Elem(), sizes)
		if size > 0 && u.Len() > addressSpace/size {
			size = addressSpace
		} else {
			size *= u.Len()
		}
	case *types.Struct:
		for i := range u.NumFields() {
			size = min(addressSpace, size+minimalSize(u.Field(i).Type(), sizes))
		}
	default:
		size = 1
	}
	sizes[t] = size
	return size
}

var (
	lineDirective = regexp.MustCompile(`^//line (.*:)?([0-9]*):?([0-9]*)$`)
	funcPragma    = regexp.MustCompile(`^//go:(noinline|nosplit|noescape|norace|nocheckptr|uintptrescapes|uintptrkeepalive)\b`)
	runtimePragma = regexp.MustCompile(`^//go:(systemstack|nowritebarrier|nowritebarrierrec|yeswritebarrierrec|notinheap)\b`)
)

// directives finds misplaced compiler directives in the candidate; go/types ignores comments.
func (c *check) directives() {
	file := c.candidate.Syntax
	imported := map[string]bool{}
	for _, spec := range file.Imports {
		imported[packages.ImportPath(spec)] = true
	}
	linked := map[string]bool{}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			c.directive(comment, imported, linked)
		}
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Body == nil && !linked[fn.Name.Name] && fn.Name.Name != "init" && len(c.p.SFiles) == 0 {
			c.add(fn.Pos(), "syntax", "missing function body")
		}
	}
}

func (c *check) directive(comment *ast.Comment, imported, linked map[string]bool) {
	text := strings.TrimRight(comment.Text, "\r")
	at := comment.Pos()
	if c.m.Position(at).Column != 1 {
		return
	}
	switch {
	case lineDirective.MatchString(text):
		if m := lineDirective.FindStringSubmatch(text); m[2] == "0" || m[2] == "" && m[1] != "" {
			c.add(at, "syntax", "invalid line number: "+text)
		}
	case strings.HasPrefix(text, "//go:cgo_"):
		c.add(at, "syntax", text+" only allowed in cgo-generated code")
	case runtimePragma.MatchString(text):
		if !c.p.Standard {
			c.add(at, "syntax", text+" only allowed in runtime")
		}
	case strings.HasPrefix(text, "//go:linkname "):
		fields := strings.Fields(text)
		if len(fields) < 2 || len(fields) > 3 {
			c.add(at, "syntax", "usage: //go:linkname localname [linkname]")
			return
		}
		linked[fields[1]] = true
		if !imported["unsafe"] {
			c.add(at, "syntax", `//go:linkname only allowed in Go files that import "unsafe"`)
		}
	case funcPragma.MatchString(text):
		if _, ok := c.declAfter(at).(*ast.FuncDecl); !ok {
			c.add(at, "syntax", "misplaced compiler directive")
		}
	case strings.HasPrefix(text, "//go:embed"):
		c.embed(comment, imported)
	}
}

// declAfter is the declaration that a directive at pos belongs to; nil inside a declaration or at the end.
func (c *check) declAfter(pos token.Pos) ast.Decl {
	for _, decl := range c.candidate.Syntax.Decls {
		if decl.Pos() > pos {
			return decl
		}
		start := decl.Pos()
		if gen, ok := decl.(*ast.GenDecl); ok && gen.Lparen.IsValid() && pos > start && pos < decl.End() {
			return decl
		}
		if pos > start && pos < decl.End() {
			return nil
		}
	}
	return nil
}

func (c *check) embed(comment *ast.Comment, imported map[string]bool) {
	at := comment.Pos()
	if !imported["embed"] {
		c.add(at, "bad-embed", `go:embed only allowed in Go files that import "embed"`)
		return
	}
	if problem := c.embedTarget(at); problem != "" {
		c.add(at, "bad-embed", problem)
		return
	}
	for _, pattern := range embedPatterns(strings.TrimPrefix(comment.Text, "//go:embed")) {
		if problem := embedProblem(c.p.Dir, pattern); problem != "" {
			c.add(at, "bad-embed", fmt.Sprintf("pattern %s: %s", pattern, problem))
		}
	}
}

func (c *check) embedTarget(at token.Pos) string {
	gen, ok := c.declAfter(at).(*ast.GenDecl)
	if !ok || gen.Tok != token.VAR {
		return "misplaced go:embed directive"
	}
	for _, spec := range gen.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || value.Pos() < at {
			continue
		}
		switch {
		case len(value.Names) > 1:
			return "go:embed cannot apply to multiple vars"
		case len(value.Values) > 0:
			return "go:embed cannot apply to var with initializer"
		case value.Type == nil:
			return "go:embed cannot apply to var without type"
		}
		return ""
	}
	return "misplaced go:embed directive"
}

func embedPatterns(text string) []string {
	var patterns []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			pattern, _ := strconv.Unquote(quoted)
			patterns, text = append(patterns, pattern), text[len(quoted):]
			continue
		}
		pattern, remaining, _ := strings.Cut(text, " ")
		patterns, text = append(patterns, pattern), remaining
	}
	return patterns
}

func embedProblem(dir, pattern string) string {
	pattern = strings.TrimPrefix(pattern, "all:")
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.HasPrefix(path.Clean(pattern), "..") || path.IsAbs(pattern) {
		return "invalid pattern syntax"
	}
	names, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			return ""
		}
	}
	return "no matching files found"
}

// forEachName calls visit for each name that the file declares in its package; receiver is the type of a method.
func forEachName(file *ast.File, visit func(name *ast.Ident, receiver string)) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			visit(decl.Name, receiverName(decl))
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					visit(spec.Name, "")
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						visit(name, "")
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
