package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the go command and the compiler refuse beyond what go/types checks.

func isTestName(name string) bool {
	return isTest(name, "Test") || isTest(name, "Benchmark") || isTest(name, "Fuzz") || isTest(name, "Example")
}

// isTest is cmd/go's rule: "Testimony" is no test, "Test" and "TestA" are.
func isTest(name, prefix string) bool {
	rest, found := strings.CutPrefix(name, prefix)
	if !found || rest == "" {
		return found
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return !unicode.IsLower(r)
}

func testNames(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Recv == nil && isTest(fn.Name.Name, "Test") && looksLikeTest(fn, "T") {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}

// looksLikeTest is cmd/go's isTestFunc: it sees syntax only.
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

var testKinds = map[string]string{"Test": "T", "Benchmark": "B", "Fuzz": "F"}

// signatures refuses test functions that cmd/go refuses, or that the generated test main could not call.
func (j *job) signatures(files []*ast.File, info *types.Info) {
	for _, file := range files {
		if !strings.HasSuffix(j.w.position(file.Package).Filename, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				j.signature(fn, info)
			}
		}
	}
}

func (j *job) signature(fn *ast.FuncDecl, info *types.Info) {
	name, arg := fn.Name.Name, ""
	for prefix, kind := range testKinds {
		if isTest(name, prefix) {
			arg = kind
		}
	}
	if name == "TestMain" && !looksLikeTest(fn, "T") {
		arg = "M"
	}
	if arg == "" {
		return
	}
	if fn.Type.TypeParams.NumFields() > 0 {
		j.add(fn.Pos(), "bad-test-signature", fmt.Sprintf("wrong signature for %s, test functions cannot have type parameters", name))
		return
	}
	if !looksLikeTest(fn, arg) || !takes(info.Defs[fn.Name], arg) {
		j.add(fn.Pos(), "bad-test-signature",
			fmt.Sprintf("wrong signature for %s, must be: func %s(%s *testing.%s)", name, name, strings.ToLower(arg), arg))
	}
}

// takes says whether the function's only parameter is *testing.ARG; an unknown type has its own error already.
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

// testMain refuses two TestMain functions, one in each of the two test packages.
func (j *job) testMain() {
	var seen []*ast.FuncDecl
	for _, f := range append(append([]*parsed{}, j.internals...), j.externals...) {
		if f.file == nil {
			continue
		}
		for _, decl := range f.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv == nil && fn.Name.Name == "TestMain" && !looksLikeTest(fn, "T") {
				seen = append(seen, fn)
			}
		}
	}
	if len(seen) > 1 && len(j.faults) == 0 {
		j.add(seen[1].Pos(), "redeclared", "multiple definitions of TestMain")
	}
}

// addressSpace is the compiler's limit on the size of one type on 64-bit machines.
const addressSpace = 1 << 50

func (j *job) sizes(info *types.Info) {
	if len(j.faults) > 0 {
		return // sizes of invalid types mean nothing
	}
	known := map[types.Type]int64{}
	for name, object := range info.Defs {
		switch object.(type) {
		case *types.Var, *types.TypeName:
			if atLeast(object.Type(), known) >= addressSpace {
				j.add(name.Pos(), "other", "type is larger than the address space")
			}
		}
	}
}

// atLeast is a lower bound of a type's size in bytes, no more than addressSpace. types.Sizes takes time exponential in
// the depth of nested structs, and a hostile candidate nests them.
func atLeast(t types.Type, known map[types.Type]int64) int64 {
	t = types.Unalias(t)
	if size, seen := known[t]; seen {
		return size
	}
	known[t] = 0
	size := int64(0)
	switch u := t.Underlying().(type) {
	case *types.Array:
		size = atLeast(u.Elem(), known)
		if size > 0 && u.Len() > addressSpace/size {
			size = addressSpace
		} else {
			size *= u.Len()
		}
	case *types.Struct:
		for i := range u.NumFields() {
			size = min(addressSpace, size+atLeast(u.Field(i).Type(), known))
		}
	default:
		size = 1
	}
	known[t] = size
	return size
}

var (
	lineDirective = regexp.MustCompile(`^//line (.*:)?([0-9]*):?([0-9]*)$`)
	funcPragma    = regexp.MustCompile(`^//go:(noinline|nosplit|noescape|norace|nocheckptr|uintptrescapes|uintptrkeepalive)\b`)
	runtimePragma = regexp.MustCompile(`^//go:(systemstack|nowritebarrier|nowritebarrierrec|yeswritebarrierrec|notinheap)\b`)
)

// directives refuses misplaced compiler directives in the candidate; go/types does not look at comments.
func (j *job) directives() {
	file := j.candidate.file
	imported := map[string]bool{}
	for _, spec := range file.Imports {
		imported[importPath(spec)] = true
	}
	linked := map[string]bool{}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			j.directive(comment, imported, linked)
		}
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Body == nil && !linked[fn.Name.Name] && fn.Name.Name != "init" && len(j.p.SFiles) == 0 {
			j.add(fn.Pos(), "syntax", "missing function body")
		}
	}
}

func (j *job) directive(comment *ast.Comment, imported, linked map[string]bool) {
	text := strings.TrimRight(comment.Text, "\r")
	at := comment.Pos()
	if j.w.position(at).Column != 1 {
		return
	}
	switch {
	case lineDirective.MatchString(text):
		if m := lineDirective.FindStringSubmatch(text); m[2] == "0" || m[2] == "" && m[1] != "" {
			j.add(at, "syntax", "invalid line number: "+text)
		}
	case strings.HasPrefix(text, "//go:cgo_"):
		j.add(at, "syntax", text+" only allowed in cgo-generated code")
	case runtimePragma.MatchString(text):
		if !j.p.Standard {
			j.add(at, "syntax", text+" only allowed in runtime")
		}
	case strings.HasPrefix(text, "//go:linkname "):
		fields := strings.Fields(text)
		if len(fields) < 2 || len(fields) > 3 {
			j.add(at, "syntax", "usage: //go:linkname localname [linkname]")
			return
		}
		linked[fields[1]] = true
		if !imported["unsafe"] {
			j.add(at, "syntax", `//go:linkname only allowed in Go files that import "unsafe"`)
		}
	case funcPragma.MatchString(text):
		if _, ok := j.declAfter(at).(*ast.FuncDecl); !ok {
			j.add(at, "syntax", "misplaced compiler directive")
		}
	case strings.HasPrefix(text, "//go:embed"):
		j.embed(comment, imported)
	}
}

// declAfter is the declaration that a directive at pos belongs to; nil inside a declaration or at the end.
func (j *job) declAfter(pos token.Pos) ast.Decl {
	for _, decl := range j.candidate.file.Decls {
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

func (j *job) embed(comment *ast.Comment, imported map[string]bool) {
	at := comment.Pos()
	if !imported["embed"] {
		j.add(at, "bad-embed", `go:embed only allowed in Go files that import "embed"`)
		return
	}
	if problem := j.embedTarget(at); problem != "" {
		j.add(at, "bad-embed", problem)
		return
	}
	for _, pattern := range embedPatterns(strings.TrimPrefix(comment.Text, "//go:embed")) {
		if problem := embedProblem(j.p.Dir, pattern); problem != "" {
			j.add(at, "bad-embed", fmt.Sprintf("pattern %s: %s", pattern, problem))
		}
	}
}

func (j *job) embedTarget(at token.Pos) string {
	gen, ok := j.declAfter(at).(*ast.GenDecl)
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
		pattern, rest, _ := strings.Cut(text, " ")
		patterns, text = append(patterns, pattern), rest
	}
	return patterns
}

func embedProblem(dir, pattern string) string {
	pattern = strings.TrimPrefix(pattern, "all:")
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.HasPrefix(path.Clean(pattern), "..") || path.IsAbs(pattern) {
		return "invalid pattern syntax"
	}
	found, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	for _, name := range found {
		if info, err := os.Lstat(name); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			return ""
		}
	}
	return "no matching files found"
}
