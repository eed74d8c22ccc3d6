"""Tests for a work tree: which of a model's tests stay, what the patch does, and what stays as it is."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from judging import with_inspect
from typer.testing import CliRunner
from writing import CALC, CALC_TEST, Tree, reply, test

from goutbench.cli import app
from goutbench.errors import ConfigError, GoutbenchError, SourceError
from goutbench.execute.options import ExecuteOptions
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.write.merge.patch import apply
from goutbench.write.options import WriteOptions
from goutbench.write.results import (
    ADDS_NOTHING,
    BESIDE,
    CLASHES,
    FAILS,
    FLAKY,
    NO_BUILD,
    NO_TEST,
    NOT_JUDGED,
    NOT_RUN,
    VET,
    WriteResult,
)

OPTIONS = WriteOptions(rounds=1, execution=ExecuteOptions(test_seconds=20.0))
CLAMP = reply(
    "calc",
    test("TestLow", "check(t, Clamp(0, 1, 9) == 1)"),
    test("TestIdle", "check(t, Clamp(4, 1, 9) == 4)"),
    test("TestClamp", 'if Clamp(10, 1, 9) != 9 {\n\t\tt.Error(strings.ToUpper("high"))\n\t}'),
    test("TestWrong", "check(t, Clamp(0, 1, 9) == 2)"),
    test("TestNoBuild", "check(t, Limit(0, 1, 9) == 1)"),
    test("TestVet", 'check(t, Clamp(9, 1, 9) == 9)\n\tt.Logf("%d", "x")'),
    test("TestFlaky", "check(t, Clamp(0, 1, 9) == 1+int(time.Now().UnixNano()/1000%2))"),
    "func BenchmarkClamp(b *testing.B) {\n\tClamp(1, 2, 3)\n}\n",
    "func TestMain(m *testing.M) {\n\tm.Run()\n}\n",
    imports=("strings", "testing", "time"),
)


def go_test(root: Path, *patterns: str, shuffle: str = "on") -> str:
    """The output of plain `go test`, which passes."""
    done = subprocess.run(
        [find_toolchain().go, "test", "-count=1", "-v", f"-shuffle={shuffle}", *patterns],
        cwd=root, env=os.environ | {"GOFLAGS": "", "GOWORK": "off"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reasons(result: WriteResult) -> dict[str, str]:
    return {item.name: item.reason for item in result.tests}


@with_inspect
def test_each_test_of_a_reply_is_judged_alone(tree: Tree) -> None:
    before = tree.contents()
    result = tree.write(tree.script(("tests for `Clamp`", CLAMP)), "./calc", functions="Clamp")
    rejected = {name: reason for name, reason in reasons(result).items() if reason}
    assert rejected.pop("TestFlaky") in (
        FLAKY,
        FAILS,
        NOT_JUDGED,
    )  # chance decides which run is the first that fails
    assert rejected == {
        "TestIdle": ADDS_NOTHING,
        "TestWrong": FAILS,
        "TestNoBuild": NO_BUILD,
        "TestVet": VET,
        "BenchmarkClamp": NOT_RUN,
        "TestMain": CLASHES,
    }
    assert all(item.detail for item in result.dropped if item.reason != ADDS_NOTHING)
    low, high = result.accepted
    assert (low.name, high.test_path) == ("TestLow", "calc/calc_test.go")
    assert high.name != "TestClamp", "the name is that of an existing test"
    assert any("x < low: true" in branch for branch in low.adds.branches)
    assert low.adds.mutants
    assert not {m.id for m in low.adds.mutants} & {m.id for m in high.adds.mutants}
    (target,) = result.targets
    assert (target.before.function, target.after.branches, target.reason) == ("Clamp", 0, "rounds")
    assert target.after.mutants < target.before.mutants
    assert tree.contents() == before, "the work tree stays as it is"

    (file,) = result.files
    old, new = parse(CALC_TEST.encode()), parse(file.after)
    assert [new.text(item) for item in new.declarations[:2]] == [old.text(item) for item in old.declarations]
    assert '\t"strings"\n\t"testing"\n' in file.after.decode()
    subprocess.run(["git", "apply"], cwd=tree.root, input=result.patch, check=True)
    assert (tree.root / "calc/calc_test.go").read_bytes() == file.after
    output = go_test(tree.root, "./calc")
    assert all(f"--- PASS: {name}" in output for name in ("TestClamp", low.name, high.name))
    assert tree.git("status", "--short").split() == ["M", "calc/calc_test.go"]


LABEL = reply(
    "shop_test",
    test("TestMany", 'if shop.Label("pen", 2) != "2 pens" {\n\t\tt.Error("many")\n\t}'),
    imports=("testing", "example.test/m/shop"),
)
FIND = reply(
    "bare",
    test("TestNothing", "_ = len(table)"),
    test("TestHas", 'if Find("b") != 1 || Find("c") == 0 {\n\t\tt.Error("b or c")\n\t}'),
    test("TestSpoil", 'delete(table, "b")\n\tif Find("b") != -1 {\n\t\tt.Error("b is there")\n\t}'),
)


ORDER = {
    "order/order.go": "package order\n\nvar ready bool\n\nfunc Prepare() { ready = true }\n\n"
    'func Ready(n int) string {\n\tif !ready {\n\t\treturn "no"\n\t}\n\tif n > 1 {\n\t\treturn "many"\n\t}\n'
    '\treturn "yes"\n}\n',
    "order/order_test.go": 'package order\n\nimport "testing"\n\n'
    "func TestPrepare(t *testing.T) { Prepare() }\n\n"
    'func TestReady(t *testing.T) {\n\tif Ready(1) != "yes" {\n\t\tt.Error("not ready")\n\t}\n}\n\n'
    'func TestAgain(t *testing.T) {\n\tif Ready(0) != "yes" {\n\t\tt.Error("not ready")\n\t}\n}\n',
}  # fmt: skip
"""A package whose tests need the first one: not all pass in every order."""
READY = reply("order", test("TestMany", 'Prepare()\n\tif Ready(2) != "many" {\n\t\tt.Error("many")\n\t}'))


@with_inspect
def test_new_tests_follow_their_package_and_pass_beside_it(tree: Tree) -> None:
    """External tests stay external, a package without tests gets a file; initialisation covers nothing."""
    tree.commit(ORDER)
    model = tree.script(
        ("package shop_test", LABEL), ("tests for `Find`", FIND), ("tests for `Ready`", READY)
    )
    result = tree.write(model, "./...", functions="^(Label|Find|Ready)$")
    assert any("order: its own tests do not pass together in every order" in n for n in result.notices)
    assert reasons(result) == {
        "TestMany": "",
        "TestNothing": ADDS_NOTHING,
        "TestHas": "",
        "TestSpoil": BESIDE,
    }
    files = {file.path: file for file in result.files}
    assert files.keys() == {"shop/shop_test.go", "bare/bare_test.go", "order/order_test.go"}
    new = files["bare/bare_test.go"]
    assert new.before is None
    assert new.after.startswith(b"//go:build !windows\n\npackage bare\n")
    assert b"/dev/null" in result.patch
    apply(tree.root, result.files)
    output = go_test(tree.root, "./bare", "./shop")
    go_test(tree.root, "./order", shuffle="off")
    assert all(f"--- PASS: {name}" in output for name in ("TestOne", "TestMany", "TestHas"))
    with pytest.raises(SourceError, match="has appeared since"):
        apply(tree.root, [new])
    with pytest.raises(SourceError, match="has changed since"):
        apply(tree.root, [files["shop/shop_test.go"], replace(new, before=new.after)])
    outside = tree.root.parent / "outside"
    outside.mkdir()
    shutil.rmtree(tree.root / "bare")
    (tree.root / "bare").symlink_to(outside)
    with pytest.raises(SourceError, match="a link is on the way"):
        apply(tree.root, [new])
    assert not list(outside.iterdir())


HALF = test("TestHalf", "n, err := half(8)\n\tcheck(t, n == 4 && err == nil)")
ROUNDS = (
    ("does not compile", reply("calc", HALF)),
    (
        "These tests are added",
        reply(
            "calc", test("TestOdd", "_, err := half(7)\n\tcheck(t, err != nil)"), test("TestHalf", "half(8)")
        ),
    ),
    ("tests for `half`", reply("calc", test("TestHalf", "n := half(8)\n\tcheck(t, n == 4)"))),
)


@with_inspect
def test_rounds_tell_what_is_missing_and_resume_without_a_call(tree: Tree) -> None:
    model, calls = tree.script(*ROUNDS), tree.root.parent / "calls.txt"
    tree.commit({"calc/calc.go": CALC.replace("x % 2", "x%2").replace("/ 2, nil", "/ (1 + 1), nil")})
    options = replace(OPTIONS, rounds=2)
    two = tree.write(model, "./...", options=options, calls=calls, changed_since="HEAD~1")
    assert [(t.before.function, t.rounds, t.reason) for t in two.targets] == [("half", 2, "rounds")]
    assert reasons(two) == {"TestHalf": ""} or list(reasons(two).values()) == [NO_BUILD, ""]
    prompts = [json.loads(line) for line in calls.read_text().splitlines()]
    assert len(prompts) == two.calls == 2
    assert "half` is never called" in prompts[0]
    assert "func TestClamp(" in prompts[0], "an existing test shows the style"

    three = tree.write(
        model, "./...", options=replace(OPTIONS, rounds=5), calls=calls, changed_since="HEAD~1"
    )
    assert len(calls.read_text().splitlines()) == 3, "answered calls are not repeated"
    assert [(item.name, item.round) for item in three.accepted] == [("TestHalf", 2), ("TestOdd", 3)]
    journal = (tree.root.parent / "run" / "executions.jsonl").read_text().splitlines()
    assert len(journal) == len({json.loads(line)["id"] for line in journal}), "nothing is executed twice"
    assert "These tests are added to the package: `TestHalf`" in calls.read_text()
    limited = tree.write(
        model, "./calc", options=replace(OPTIONS, rounds=5, max_calls=1), calls=calls, changed_since="HEAD~1"
    )
    assert (limited.calls, limited.targets[0].reason, limited.files) == (1, "max-calls", ())
    assert len(calls.read_text().splitlines()) == 3


@with_inspect
def test_the_command_writes_patch_and_page_and_applies(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.root)
    prose = "I would test <script>alert(1)</script> it."
    model = tree.script(
        ("tests for `Clamp`", CLAMP.replace("TestLow(", "Test低(")), ("tests for `half`", prose)
    )
    out = tree.root.parent / "out"
    arguments = [
        "write",
        "./calc",
        "--model",
        model,
        "--rounds",
        "1",
        "--out",
        str(out),
        "--work",
        str(tree.work),
    ]
    done = CliRunner().invoke(app, [*arguments, "--json", "--apply"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["applied"]
    assert [test["reason"] for test in result["tests"] if test["function"] == "half"] == [NO_TEST]
    assert "Test低" in (tree.root / "calc/calc_test.go").read_text()
    assert (out / "write.patch").read_text() == result["patch"]
    page = (out / "write.html").read_text()
    assert "color-scheme: light dark" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "adds nothing" in page
    go_test(tree.root, "./calc")
    again = CliRunner().invoke(app, [*arguments, "--functions", "^Never$"])
    assert isinstance(again.exception, ConfigError)


@with_inspect
def test_a_model_that_answers_nothing_is_an_error(tree: Tree) -> None:
    path = tree.root.parent / "model.jsonl"
    path.write_text('{"contains": "", "error": "the key is wrong"}\n')
    with pytest.raises(GoutbenchError, match=r"answered no call: .*the key is wrong"):
        tree.write(f"scripted/{path}", "./shop")
    with pytest.raises(ConfigError, match="a limit of cost needs prices"):
        tree.write(f"scripted/{path}", "./shop", options=replace(OPTIONS, max_cost=1.0))
