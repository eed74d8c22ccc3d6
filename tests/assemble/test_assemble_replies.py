"""The corpus of malformed replies: replies/*.txt, in the style of tree-sitter's corpus.

A case is a title between two lines of `=`, the replies (a line `- - - - -` between two), a line `---`, and
the result: the file, a line `- - - - -`, the notes. Attributes follow the title:

  :focal NAME      the package under test is replies/focal/NAME.go
  :sibling F TEXT  its folder also has a file F; `; ` is a line break
  :mode MODE       append or llm instead of merge; for llm the last reply is the combining model's
  :escaped         the replies have the escapes of a Python string
  :loose           the result is not expected to compile

`python tests/assemble/test_assemble_replies.py` rewrites the expectations: review the difference before you
commit it.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from goutbench.assemble.combine import ScriptedModel
from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext
from goutbench.assemble.stage import assemble
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.records import Assembly

CORPUS = Path(__file__).parent / "replies"
RULE = "=" * 16
BETWEEN = "- - - - -\n"
_HEAD = re.compile(rf"^{RULE}\n(.*?)^{RULE}\n", re.MULTILINE | re.DOTALL)


@dataclass(slots=True)
class Case:
    file: Path
    title: str
    head: str
    replies: list[str]
    body: str
    expected: str
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        return next(iter(self.attributes.get(name, [])), None)


def read_cases() -> Iterator[Case]:
    for path in sorted(CORPUS.glob("*.txt")):
        heads = list(_HEAD.finditer(path.read_text()))
        text = path.read_text()
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            content = text[head.end() : following.start() if following else len(text)]
            body, _, expected = content.partition("---\n") if content.startswith("---\n") else _cut(content)
            title, *lines = head[1].splitlines()
            attributes: dict[str, list[str]] = {}
            for line in lines:
                name, _, value = line.removeprefix(":").partition(" ")
                attributes.setdefault(name, []).append(value)
            source = body.encode().decode("unicode_escape") if "escaped" in attributes else body
            yield Case(path, title, head[0], source.split(BETWEEN), body, expected, attributes)


def _cut(content: str) -> tuple[str, str, str]:
    body, mark, expected = content.partition("\n---\n")
    return body + "\n", mark, expected


CASES = list(read_cases())


def context_of(case: Case) -> PackageContext | None:
    name = case.first("focal")
    if name is None:
        return None
    siblings = [sibling_of(line) for line in case.attributes.get("sibling", [])]
    focal = (CORPUS / "focal" / f"{name}.go").read_bytes()
    return package_context(focal, siblings, f"example.com/corpus/{name}")


def sibling_of(line: str) -> tuple[str, bytes]:
    name, _, text = line.partition(" ")
    return name, text.replace("; ", "\n").encode() + b"\n"


def assembled(case: Case) -> Assembly:
    mode = case.first("mode") or "merge"
    replies, model = case.replies, None
    if mode == "llm":
        replies, model = case.replies[:-1], ScriptedModel(case.replies[-1:])
    return assemble(replies, mode=mode, context=context_of(case), complete=model)


def render(assembly: Assembly) -> str:
    notes = [
        f"{'all' if note.reply < 0 else note.reply} {note.kind}: {note.what} ({note.why})\n"
        for note in assembly.notes
    ]
    return assembly.code + BETWEEN + "".join(notes) + "\n"


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_reply_is_assembled_as_the_corpus_expects(case: Case) -> None:
    assert render(assembled(case)) == case.expected


def test_the_corpus_has_at_least_forty_replies() -> None:
    assert len({case.title for case in CASES}) == len(CASES)
    assert len({case.body for case in CASES}) >= 40


def test_assembled_files_are_formatted_and_pass_go_vet(tmp_path: Path) -> None:
    """Every result with a focal file, put beside it: one module, one run of `go vet`."""
    (tmp_path / "go.mod").write_text("module example.com/corpus\n\ngo 1.24\n")
    for number, case in enumerate(CASES):
        name, code = case.first("focal"), case.expected.partition(BETWEEN)[0]
        if name is None or "loose" in case.attributes:
            continue
        assert not code or gofmt([code.encode()])[0].code == code.encode()
        folder = tmp_path / f"case{number}" / name
        folder.mkdir(parents=True)
        own_path = f"example.com/corpus/case{number}/{name}"
        (folder / f"{name}.go").write_bytes((CORPUS / "focal" / f"{name}.go").read_bytes())
        for sibling, content in map(sibling_of, case.attributes.get("sibling", [])):
            (folder / sibling).write_bytes(content)
        if code:
            code = code.replace(f'"example.com/corpus/{name}"', f'"{own_path}"')
            (folder / f"{name}_assembled_test.go").write_text(code)
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    command = [find_toolchain().go, "vet", "-unusedresult=false", "./..."]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def update() -> None:
    for path in sorted(CORPUS.glob("*.txt")):
        own = [case for case in CASES if case.file == path]
        path.write_text("".join(f"{case.head}{case.body}---\n{render(assembled(case))}" for case in own))


if __name__ == "__main__":
    update()
