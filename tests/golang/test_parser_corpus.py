"""The results of `parse`, compared with golden files."""

from pathlib import Path

import pytest
from corpus import Case, check, read_corpus

from goutbench.golang.syntax.file import GoFile, declaration_keys
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse, parse_declarations
from goutbench.golang.toolchain.installation import Toolchain

LAYOUTS = r"""
func raw() {
	s := `
}
`
	use(s)
}

package p

func brace() {
	use('{', "}}", "\"{") // }
}

var table = map[string]T{
	"a": {1, 2},
	"}": {},
}

var anonymous = []struct {
	a int
}{
	{1},
}

var typed = func(x interface {
	M()
}) {
	use(x)
}

func (r *R[T]) method(f func() struct{ a int }) (err error) {
	/* }
}
	*/
	switch {
	}
}

func result() struct {
	a int
} {
	use()
}

func external() struct {
	a int
}

func oneLine() { use() }

package p

func dense() {
	if x {
	}}
func next() {
	use() }

type after struct {
	a int
}

package p

const head = `
func main() {
	{
`

type between int

const tail = `
	}
}
`

/*
func comment() {
*/

type commented int

/*
}
*/

const mark, head2 = "`", /* ` */ '`' + `
func main() {` + "{" + `
func b() {
` // `

func function() int {
	return 1
}

const tail2 = `
}
`

func last() {
	use(`}`)
}

package p

func open() {
	/*
}

func more() {
}

package p

var open = `
func more() {
}
"""
CASES = read_corpus(Path(__file__).parent / "corpus")


def listing(file: GoFile) -> str:
    """The parsed file, one line per import, declaration, test and problem."""
    lines = [f"package {file.package}"]
    if file.build_constraint:
        lines.append(f"build {file.build_constraint}")
    if file.generated:
        lines.append("generated")
    for spec in file.imports:
        lines.append(f"import {spec.path!r} name {spec.name} known as {spec.local_name}")
    names = declaration_keys(file)
    for key, d in zip(names, file.declarations, strict=True):
        line = f"{d.kind} {key}"
        if len(d.names) > 1:
            line += f" ({', '.join(d.names)})"
        first, last = (file.source[:at].count(b"\n") + 1 for at in (d.start, d.end))
        line += f" lines {first}-{last}"
        for word, targets in (("uses", d.references), ("maybe", d.maybe)):
            if targets:
                line += f" {word} " + ", ".join(names[i] for i in targets)
        if d.imports:
            line += " imports " + ", ".join(file.imports[i].path for i in d.imports)
        lines.append(line)
    lines += [f"{test.kind} {test.name}" for test in file.tests]
    lines += [f"problem {p.kind} {file.source[p.start : p.end].decode()!r}" for p in file.errors]
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_parser_agrees_with_the_corpus(case: Case) -> None:
    check(case, lambda case: listing(parse(case.source.encode())))


def declared(file: GoFile) -> list[tuple[object, ...]]:
    return [
        (d.kind, d.names, d.receiver, d.receiver_name, d.start, d.end, d.node_start, d.node_end, d.body)
        for d in file.declarations
    ]


def test_declarations_are_the_same_without_a_look_at_bodies(toolchain: Toolchain) -> None:
    library = toolchain.goroot / "src"
    paths = [path for name in ("strconv", "text/template") for path in sorted((library / name).glob("*.go"))]
    sources = [f"package p\n{part}".encode() for part in LAYOUTS.split("package p\n")]
    sources += [*(case.source.encode() for case in CASES)]
    sources += [path.read_bytes() for path in paths]
    assert len(paths) > 20
    for source in sources:
        full, quick = parse(source), parse_declarations(source)
        assert declared(quick) == declared(full)
        assert (quick.imports, quick.tests) == (full.imports, full.tests)
        assert file_outline(quick) == file_outline(full)
