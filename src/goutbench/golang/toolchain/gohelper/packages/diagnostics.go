package packages

import (
	"errors"
	"go/scanner"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"
)

// A Diagnostic is one error of a candidate or of the files of its package.
type Diagnostic struct {
	Kind    string `json:"kind"`
	Rung    string `json:"rung"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// The rungs of diagnostics.
const (
	Syntax = "syntax"
	Types  = "types"
)

// kindOf maps an error code of internal/types/errors to a kind. Go promises that these codes never change.
func kindOf(code int) string {
	switch code {
	case 3:
		return "wrong-package"
	case 5, 6:
		return "missing-package"
	case unusedImport:
		return "unused-import"
	case 9:
		return "initialization-cycle"
	case 10, 19, 33, 34:
		return "redeclared"
	case 11, 12:
		return "type-cycle"
	case 16, 21, 23, 42, 45, 46, 95, 96, 97:
		return "mismatched-types"
	case 17, 41, 103:
		return "wrong-count"
	case 18:
		return "bad-assignment"
	case 25, 66, 69, 73, 75, 76:
		return "undefined"
	case 38, 39:
		return "bad-init"
	case 43, 44, 47:
		return "bad-constant"
	case 60, 113:
		return "duplicate-key"
	case 68, 74:
		return "unexported"
	case 77, 78, 126:
		return "wrong-arguments"
	case 100, 128:
		return "unused-result"
	case 101:
		return "unused-variable"
	case 102:
		return "missing-return"
	case 110, 111, 119, 120, 121, 122, 123, 124:
		return "bad-label"
	case 135, 151:
		return "unsupported-feature"
	case 137, 138, 139:
		return "bad-instantiation"
	}
	return "other"
}

const unusedImport = 8

// IsUnusedImport reports whether the error is an import that the file does not use.
func IsUnusedImport(err types.Error) bool { return errorCode(err) == unusedImport }

func errorCode(err types.Error) int {
	if field := reflect.ValueOf(err).FieldByName("go116code"); field.IsValid() {
		return int(field.Int())
	}
	return 0
}

// TypeDiagnostic is the diagnostic of a type checker's error.
func (m *Module) TypeDiagnostic(err types.Error) Diagnostic {
	return m.DiagnosticAt(err.Pos, kindOf(errorCode(err)), Types, err.Msg)
}

// DiagnosticAt is a diagnostic at a position of a parsed file.
func (m *Module) DiagnosticAt(pos token.Pos, kind, rung, message string) Diagnostic {
	at := m.Position(pos)
	return Diagnostic{kind, rung, filepath.Base(at.Filename), at.Line, at.Column, message}
}

// SyntaxDiagnostics are the diagnostics of a parser's error.
func SyntaxDiagnostics(err error) []Diagnostic {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return []Diagnostic{{Kind: "syntax", Rung: Syntax, Message: err.Error()}}
	}
	var diagnostics []Diagnostic
	for _, e := range list {
		kind := "syntax"
		if strings.Contains(e.Msg, "UTF-8") || strings.Contains(e.Msg, "NUL") || strings.Contains(e.Msg, "byte order") {
			kind = "not-unicode"
		}
		at := e.Pos
		diagnostics = append(diagnostics, Diagnostic{kind, Syntax, filepath.Base(at.Filename), at.Line, at.Column, e.Msg})
	}
	return diagnostics
}
