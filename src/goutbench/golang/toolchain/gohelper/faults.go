package main

import (
	"errors"
	"go/scanner"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"
)

// A fault is one error of a candidate or of the files around it.
type fault struct {
	Kind    string `json:"kind"`
	Rung    string `json:"rung"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`

	code int
}

const keptFaults = 50

// kinds by error code of internal/types/errors; those numbers are promised never to change.
var kinds = map[int]string{
	3: "wrong-package", 5: "missing-package", 6: "missing-package", 8: "unused-import", 9: "initialization-cycle",
	10: "redeclared", 19: "redeclared", 33: "redeclared", 34: "redeclared", 38: "bad-init", 39: "bad-init",
	17: "wrong-count", 41: "wrong-count", 103: "wrong-count", 126: "wrong-arguments",
	16: "mismatched-types", 18: "bad-assignment", 21: "mismatched-types", 23: "mismatched-types",
	42: "mismatched-types", 45: "mismatched-types", 46: "mismatched-types", 95: "mismatched-types",
	96: "mismatched-types", 97: "mismatched-types", 25: "undefined", 73: "undefined", 74: "unexported",
	75: "undefined", 76: "undefined", 66: "undefined", 69: "undefined", 68: "unexported", 77: "wrong-arguments",
	78: "wrong-arguments", 100: "unused-result", 101: "unused-variable", 102: "missing-return", 119: "bad-label",
	120: "bad-label", 121: "bad-label", 122: "bad-label", 123: "bad-label", 124: "bad-label", 110: "bad-label",
	111: "bad-label", 128: "unused-result", 135: "unsupported-feature", 151: "unsupported-feature",
	137: "bad-instantiation", 138: "bad-instantiation", 139: "bad-instantiation", 43: "bad-constant",
	44: "bad-constant", 47: "bad-constant", 60: "duplicate-key", 113: "duplicate-key", 11: "type-cycle",
	12: "type-cycle",
}

const codeUnusedImport = 8

func errorCode(err types.Error) int {
	if field := reflect.ValueOf(err).FieldByName("go116code"); field.IsValid() {
		return int(field.Int())
	}
	return 0
}

func typeFault(w *world, err types.Error) fault {
	code := errorCode(err)
	kind := kinds[code]
	if kind == "" {
		kind = "other"
	}
	return w.faultAt(err.Pos, kind, "types", err.Msg, code)
}

func (w *world) faultAt(pos token.Pos, kind, rung, message string, code int) fault {
	at := w.position(pos)
	return fault{kind, rung, filepath.Base(at.Filename), at.Line, at.Column, message, code}
}

func syntaxFaults(err error) []fault {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return []fault{{Kind: "syntax", Rung: "syntax", Message: err.Error()}}
	}
	var faults []fault
	for _, e := range list {
		kind := "syntax"
		if strings.Contains(e.Msg, "UTF-8") || strings.Contains(e.Msg, "NUL") || strings.Contains(e.Msg, "byte order") {
			kind = "not-unicode"
		}
		faults = append(faults, fault{kind, "syntax", filepath.Base(e.Pos.Filename), e.Pos.Line, e.Pos.Column, e.Msg, 0})
	}
	return faults
}
