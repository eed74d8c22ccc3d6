// Package coverage knows how a cover profile names the blocks of a file with line directives.
//
// A profile files a function under the name that a directive gives it. Its positions are, depending on the version of Go,
// those of the directives or those in the file itself.
package coverage

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A Span is a block's start and end: lines and columns.
type Span [4]int

// A Block is a block of statements: where it is in the file, and what a profile calls it.
type Block struct {
	File       string `json:"file"`
	Named      Span   `json:"named"`
	Actual     Span   `json:"actual"`
	Statements int    `json:"statements"`
}

// Blocks are the blocks of the file at path, in the order of go tool cover.
func Blocks(goTool, path string) ([]Block, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	actual, statements, err := cover(goTool, withoutDirectives(source))
	if err != nil {
		return nil, err
	}
	inProfile, _, err := cover(goTool, source)
	if err != nil {
		return nil, err
	}
	if len(inProfile) != len(actual) {
		return nil, errors.New("go tool cover finds other blocks without line directives")
	}
	return describe(fset, file, actual, inProfile, statements), nil
}

// describe names blocks as a profile does. Up to Go 1.26 a profile has the positions of the directives, and makes equal
// ones distinct.
func describe(fset *token.FileSet, file *ast.File, actual, inProfile []Span, statements []int) []Block {
	tokens := fset.File(file.FileStart)
	at := func(line, column int) token.Pos {
		line = min(line, tokens.LineCount())
		return min(tokens.LineStart(line)+token.Pos(column-1), file.FileEnd)
	}
	blocks := make([]Block, len(actual))
	for i, span := range actual {
		name := filepath.Base(fset.Position(functionAt(file, at(span[0], span[1]))).Filename)
		blocks[i] = Block{name, inProfile[i], span, statements[i]}
	}
	return blocks
}

// functionAt is the start of the outermost function or function literal that contains pos.
func functionAt(file *ast.File, pos token.Pos) token.Pos {
	found := token.NoPos
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil || found.IsValid() || pos < n.Pos() || pos > n.End() {
			return n == file && !found.IsValid()
		}
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			found = n.Pos()
		}
		return true
	})
	if !found.IsValid() {
		return pos
	}
	return found
}

// withoutDirectives is source with other comments, of the same length, instead of line directives.
func withoutDirectives(source []byte) []byte {
	plain := append([]byte(nil), source...)
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return plain
		}
		if tok == token.COMMENT && strings.HasPrefix(text[2:], "line ") {
			copy(plain[file.Offset(pos)+2:], "LINE")
		}
	}
}

var (
	positions = regexp.MustCompile(`(?m)^\t\t(\d+), (\d+), 0x([0-9a-f]+), // \[\d+\]$`)
	counts    = regexp.MustCompile(`(?m)^\t\t(\d+), // \d+$`)
)

// cover are the blocks that go tool cover writes for a file.
func cover(goTool string, source []byte) (spans []Span, statements []int, err error) {
	folder, err := os.MkdirTemp("", "cover-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "x.go")
	if err := os.WriteFile(path, source, 0o600); err != nil {
		return nil, nil, err
	}
	const variable = "GoutbenchBlocks"
	out, err := exec.Command(goTool, "tool", "cover", "-mode=set", "-var="+variable, path).Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go tool cover: %w", err)
	}
	at := strings.LastIndex(string(out), "\nvar "+variable+" = struct {")
	if at < 0 {
		return nil, nil, errors.New("go tool cover wrote no table")
	}
	table := string(out[at:])
	for _, m := range positions.FindAllStringSubmatch(table, -1) {
		line, _ := strconv.Atoi(m[1])
		end, _ := strconv.Atoi(m[2])
		columns, _ := strconv.ParseUint(m[3], 16, 64)
		spans = append(spans, Span{line, int(columns & 0xffff), end, int(columns >> 16)})
	}
	for _, m := range counts.FindAllStringSubmatch(table, -1) {
		n, _ := strconv.Atoi(m[1])
		statements = append(statements, n)
	}
	if len(spans) != len(statements) {
		return nil, nil, errors.New("go tool cover wrote an unknown table")
	}
	return spans, statements, nil
}
