"""The lexer gives what Go's own scanner gives."""

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goutbench.golang.syntax import lexer
from goutbench.golang.syntax.lexer import lex, without_header

_SCANNER = """package main

import (
	"encoding/json"
	"go/scanner"
	"go/token"
	"os"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	for _, path := range os.Args[1:] {
		source, _ := os.ReadFile(path)
		files := token.NewFileSet()
		var s scanner.Scanner
		s.Init(files.AddFile(path, files.Base(), len(source)), source, nil, 0)
		texts := [][]byte{}
		for {
			_, tok, text := s.Scan()
			if tok == token.EOF {
				break
			}
			if tok == token.SEMICOLON && text != ";" {
				continue
			}
			if text == "" || tok.IsOperator() {
				text = tok.String()
			}
			texts = append(texts, []byte(text))
		}
		out.Encode(texts)
	}
}
"""

_HARD = """\ufeffpackage x // import "no"

import ("a"; b `c/d`)
import . "e"

const (
	n = 0x1p-2 + 0XE+1 + 1_000.5e+3i + .5 + 07 + 0b11 + 0o7i + 1. + 'a' + '\\'' + '\\x41' + 3.14e2
	s = "// no comment \\" /* nor here" + `raw " // \r\n text` /* a * comment */ + ""
)

func f[T ~int](a ...T) (x <-chan int) { a &^= 1; a <<= 2; a >>= 3; y := a[1:2]; y++; return x != nil && !ok }
/**/ var élan, 世界 = 1, 2 // the end"""


def go_scanner_tokens(paths: list[Path], tmp_path: Path) -> list[list[bytes]]:
    program = tmp_path / "scan.go"
    program.write_text(_SCANNER)
    names = [str(path) for path in paths]
    command = ["go", "run", str(program), "--", *names]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[1:]
    return [[base64.b64decode(text) for text in json.loads(line)] for line in lines]


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python before 3.11.5 matches `(?:a|b)*+` wrongly, and CI has a later one."""
    for path in Path(lexer.__file__).parents[1].rglob("*.py"):
        assert not re.search(r"\)(?:[*+?]|\{[\d,]+\})\+", path.read_text("utf-8")), path


def test_the_tokens_are_those_of_go(tmp_path: Path) -> None:
    root = Path(
        subprocess.run(["go", "env", "GOROOT"], check=True, capture_output=True, text=True).stdout.strip()
    )
    hard = tmp_path / "hard.txt"
    hard.write_text(_HARD, newline="")
    folders = ("fmt", "go/types", "net/http", "strconv", "text/template", "unicode/utf8", "math")
    paths = [hard, *(path for folder in folders for path in sorted((root / "src" / folder).glob("*.go")))]
    assert len(paths) > 200
    for path, expected in zip(paths, go_scanner_tokens(paths, tmp_path), strict=True):
        assert lex(path.read_bytes()) == expected, path


@pytest.mark.parametrize(
    ("source", "body", "imports"),
    [
        (b'package p\nimport "a"\nvar x int', [b"var", b"x", b"int"], [(None, b'"a"')]),
        (
            b'package p; import (\n "a"\n y "b"; _ `c`\n)\nvar x',
            [b";", b"var", b"x"],
            [(None, b'"a"'), (b"y", b'"b"'), (b"_", b"`c`")],
        ),
        (b'import . "a"\nimport()\nx', [b"x"], [(b".", b'"a"')]),
        (b'import ("a"', [], [(None, b'"a"')]),
        (b"package", [], []),
        (b"import", [], []),
        (b"", [], []),
    ],
)
def test_the_tokens_without_header_and_the_imports(
    source: bytes, body: list[bytes], imports: list[tuple[bytes | None, bytes]]
) -> None:
    assert without_header(lex(source)) == (body, imports)


@given(st.binary(max_size=200))
def test_nothing_raises_and_no_token_is_empty(source: bytes) -> None:
    tokens = lex(source)
    assert all(tokens)
    at, text = 0, source.replace(b"\r", b"")
    for token in tokens:
        at = text.index(token, at) + len(token)
    without_header(tokens)
