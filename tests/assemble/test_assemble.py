"""Assembling: its modes and errors, candidates, the command, and what it depends on."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goutbench.assemble.combine import ScriptedModel
from goutbench.assemble.inputs import load_model, read_replies
from goutbench.assemble.package_context import import_path_of, package_context, read_context
from goutbench.assemble.stage import assemble, assemble_candidates
from goutbench.cli import app
from goutbench.errors import ConfigError, SourceError
from goutbench.golang.syntax import stdlib
from goutbench.golang.toolchain.gofmt import gofmt

ADD = 'package p\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) { _ = Add(1, 2) }\n'
SUB = 'package p\n\nimport "testing"\n\nfunc TestSub(t *testing.T) { _ = Sub(1, 2) }\n'


def fenced(code: str) -> str:
    return f"Sure:\n\n```go\n{code}```\n"


def fake_model(messages: Sequence[dict[str, str]]) -> str:
    """The model that `--model` names in a test below: it answers with the last part of the prompt."""
    return messages[-1]["content"].split("Part ")[-1]


# ── modes ─────────────────────────────────────────────────────────────────────────────────────────


def test_append_changes_only_the_layout() -> None:
    assembly = assemble([fenced(ADD), fenced(SUB)], mode="append")
    assert assembly.code == ADD + "\n" + SUB  # two package clauses are not Go, so gofmt does not format it
    alone = assemble([fenced(ADD.replace("{ _ = Add", "{   _ = Add"))], mode="append")
    assert alone.code == ADD


def test_no_replies_give_an_empty_assembly() -> None:
    for mode in ("append", "merge"):
        assembly = assemble([], mode=mode)
        assert (assembly.code, assembly.package, assembly.notes) == ("", None, ())


def test_llm_makes_one_request_with_every_part_and_notes_lost_tests() -> None:
    model = ScriptedModel([fenced(SUB)])
    assembly = assemble([fenced(ADD), "I cannot.", fenced(SUB)], mode="llm", complete=model)
    [[message]] = model.requests
    assert message["role"] == "user"
    assert ADD.strip() in message["content"]
    assert SUB.strip() in message["content"]
    assert "source file in package p." in message["content"]
    assert "{" not in message["content"].replace(ADD.strip(), "").replace(SUB.strip(), "")
    assert [(note.what, note.reply) for note in assembly.notes if note.kind == "lost"] == [("TestAdd", 0)]
    assert "TestSub" in assembly.code


def test_llm_makes_no_request_without_code() -> None:
    model = ScriptedModel([])
    assert assemble(["no"], mode="llm", complete=model).code == ""
    assert model.requests == []


def test_an_unknown_mode_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="unknown mode 'best'"):
        assemble([ADD], mode="best")
    with pytest.raises(ConfigError, match="needs a model"):
        assemble([ADD], mode="llm")


# ── candidates and the command ────────────────────────────────────────────────────────────────────


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
    return path


def test_completions_become_one_candidate_for_each_pair_and_model(tmp_path: Path) -> None:
    rows = [
        {"id": "c1", "pair_id": "a", "model": "m", "text": fenced(ADD)},
        {"id": "c2", "pair_id": "b", "model": "m", "text": "sorry"},
        {"id": "c3", "pair_id": "a", "model": "m", "text": fenced(SUB)},
    ]
    results = list(assemble_candidates(read_replies(write_rows(tmp_path / "rows.jsonl", rows))))
    assert [(candidate.pair_id, candidate.completion_ids) for candidate in results] == [
        ("a", ("c1", "c3")),
        ("b", ("c2",)),
    ]
    assert "TestAdd" in results[0].code
    assert "TestSub" in results[0].code
    assert (results[1].code, results[1].notes[0].kind) == ("", "no_code")
    again = list(assemble_candidates(read_replies(tmp_path / "rows.jsonl")))
    assert [candidate.id for candidate in again] == [candidate.id for candidate in results]
    assert len({candidate.id for candidate in results}) == 2


@pytest.mark.parametrize(
    ("line", "what"), [("{", "not JSON"), ('{"id": "x"}', "no string `text`"), ("[]", "not a JSON object")]
)
def test_an_error_names_the_invalid_line(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "x"}}\n{line}\n')
    with pytest.raises(ConfigError, match=what) as caught:
        read_replies(path)
    assert caught.value.where == f"{path}:2"


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["assemble", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_the_command_prints_the_file_and_its_notes(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.com/m\n")
    (tmp_path / "p.go").write_text("package p\n\nfunc Add(a, b int) int { return a + b }\n")
    (tmp_path / "other_test.go").write_text(ADD)
    (tmp_path / "reply.md").write_text(fenced(ADD.replace('import "testing"\n\n', "") + 't.Run("x", nil)\n'))
    code, out, err = run(tmp_path / "reply.md", "--focal", tmp_path / "p.go")
    assert code == 0
    assert out == ADD.replace("TestAdd", "TestAdd2")  # other_test.go has TestAdd
    assert "statement_refused: t.Run" in err
    assert "import_added: testing" in err
    assert "renamed: TestAdd -> TestAdd2" in err


def test_the_command_writes_json_and_files(tmp_path: Path) -> None:
    (tmp_path / "reply.md").write_text(fenced(ADD))
    _, out, err = run(tmp_path / "reply.md", "--json", "--mode", "append")
    assert (json.loads(out)["mode"], json.loads(out)["code"], err) == ("append", ADD, "")
    _, out, _ = run(tmp_path / "reply.md", "-o", tmp_path / "p_test.go")
    assert (out, (tmp_path / "p_test.go").read_text()) == ("", ADD)
    rows = write_rows(tmp_path / "rows.jsonl", [{"pair_id": "a", "text": fenced(ADD)}])
    _, out, _ = run(rows, "--mode", "llm", "--model", f"{__name__}:fake_model")
    assert json.loads(out)["code"] == ADD


def test_the_command_rejects_missing_files_and_models(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        run(tmp_path / "none.md")
    with pytest.raises(SourceError, match="cannot be read"):
        run(tmp_path / "none.md", "--focal", tmp_path / "none.go")
    for name in ("no.such.module:x", "json:nothing", "json", ""):
        with pytest.raises(ConfigError, match="not found"):
            load_model(name)


# ── what it depends on ────────────────────────────────────────────────────────────────────────────


def test_gofmt_formats_many_sources_and_reports_the_broken_ones() -> None:
    sources = [b"package  p\n", b"package p\nfunc {\n", b"package p\nvar  x = 1\n", b"", b"package p\n)\n"]
    for group in (sources, *([source] for source in sources)):
        done = gofmt(group)
        for source, formatted in zip(group, done, strict=True):
            broken = source in (sources[1], sources[3], sources[4])
            assert (formatted.code is None, bool(formatted.error)) == (broken, broken)
    assert [result.code for result in gofmt(sources)][:3:2] == [b"package p\n", b"package p\n\nvar x = 1\n"]
    assert gofmt(sources)[1].error.startswith("2:")
    assert gofmt([]) == []


def test_read_context_finds_the_names_of_the_folders_files(tmp_path: Path) -> None:
    folder = tmp_path / "sub" / "calc"
    folder.mkdir(parents=True)
    (tmp_path / "go.mod").write_text('// a comment\nmodule "example.com/m" // another\n\ngo 1.24\n')
    (folder / "a.go").write_text("package calc\nfunc A() {}\ntype T struct{ n, m int }\nfunc (T) do() {}\n")
    (folder / "b.go").write_text(
        "package calc\nconst B = 1\nvar v struct{ deep struct{ x int } }\nfunc init() {}\n"
    )
    (folder / "a_test.go").write_text("package calc\nfunc own() {}\n")
    (folder / "b_test.go").write_text("package calc\nfunc inner() {}\n")
    (folder / "c_test.go").write_text("package calc_test\nfunc outer() {}\ntype E struct{ f int }\n")
    (folder / "gen.go").write_text("//go:build ignore\n\npackage main\nfunc main() {}\n")
    context = read_context(folder / "a.go")
    assert (context.package, context.import_path) == ("calc", "example.com/m/sub/calc")
    assert context.source_names == {"A", "T", "B", "v"}
    assert (context.test_names, context.external_names) == ({"inner"}, {"outer", "E"})
    assert (context.members, context.external_members) == ({"n", "m", "do", "deep", "x"}, {"f"})
    assert context.methods == {"T.do"}
    assert import_path_of(tmp_path) == "example.com/m"
    assert import_path_of(Path("/nonexistent")) is None


def test_a_focal_file_that_does_not_parse_is_not_an_error() -> None:
    context = package_context(b"func {{{ \xff")
    assert assemble([fenced(ADD)], context=context).package == "main"


def test_the_standard_library_index_finds_packages_by_what_is_selected() -> None:
    assert stdlib.package_name("math/rand/v2") == "rand"
    assert stdlib.package_name("github.com/x/y") is None
    assert stdlib.find_package("rand", {"IntN"})[0] == "math/rand/v2"
    assert stdlib.find_package("rand", {"Reader"})[0] == "crypto/rand"
    assert stdlib.find_package("rand", {"New"}) == ("math/rand", ("math/rand/v2",))
    assert stdlib.find_package("template", {"HTML", "New"}) == ("html/template", ())
    assert stdlib.find_package("testing", {"T", "M", "F"})[0] == "testing"
    assert stdlib.find_package("strings", {"NoSuchThing"}) == (None, ())
    assert not any("internal" in path.split("/") for path in stdlib.exports())
    assert len(stdlib.exports()) > 150
