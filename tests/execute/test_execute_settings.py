"""Build tags, environment, -short and time limits of a repository, and files that the build leaves out."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.config import CurateConfig
from goutbench.curate import SourceLocations, curate
from goutbench.dataset.store import read_pairs, write_rows
from goutbench.errors import ConfigError
from goutbench.execute.inputs import (
    REFERENCE,
    REFERENCE_TABLE,
    read_excluded,
    read_settings,
    text_candidate,
)
from goutbench.execute.ladder.climb import climb
from goutbench.execute.ladder.in_build import focal_exclusion
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions, parse_variables
from goutbench.execute.stage import run_stage
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.package import PackageUnderTest, Tree, find_package
from goutbench.execute.workspace.settings import RepositorySettings
from goutbench.golang.analysis.platforms import name_without_foreign_platform
from goutbench.records import Candidate, Execution, Status

ONE = "package p\n\nfunc One() int { return 1 }\n"
FILES = {
    "go.mod": "module example.test/s\n\ngo 1.22\n",
    "plain/p.go": ONE,
    "plain/p_windows.go": ONE.replace("One", "Two"),
    "plain/server_js_wasm.go": ONE.replace("One", "Three"),
    "plain/tagged.go": "//go:build integration && (linux || darwin)\n\n" + ONE.replace("One", "Four"),
    "plain/twin.go": "//go:build !amd64 || purego\n\n" + ONE.replace("One", "Five"),
    "plain/asm.go": "//go:build amd64 && !purego\n\n" + ONE.replace("One", "Five"),
    "plain/tool.go": "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
    "plain/old.go": "// +build plan9\n\n" + ONE.replace("One", "Six"),
    "plain/_draft.go": ONE.replace("One", "Seven"),
    "plain/both.go": "//go:build a && b\n\n" + ONE.replace("One", "Eight"),
    "plain/future.go": "//go:build go1.99\n\n" + ONE.replace("One", "Nine"),
    "plain/pinned.go": "//go:build !integration\n\n" + ONE.replace("One", "Ten"),
    "plain/experiment.go": "//go:build goexperiment.nothing\n\n" + ONE.replace("One", "Eleven"),
    "plain/native_windows.go": "//go:build cgo\n\n" + ONE.replace("One", "Twelve"),
    "plain/raced.go": "//go:build race\n\n" + ONE.replace("One", "Thirteen"),
    "set/p.go": "package set\n\nfunc One() int { return 1 }\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def tree(machine: Machine) -> Tree:
    root = machine.workspace.trees / "settings-source"
    shutil.rmtree(root, ignore_errors=True)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Tree("example/s", "1", root.resolve())


@pytest.fixture(scope="module")
def patient(worker: Worker) -> Iterator[Worker]:
    options = replace(worker.options, build_seconds=600)
    with closing(replace(worker, options=options, helpers={}, results={})) as worker:
        yield worker


def package_of(tree: Tree, machine: Machine, code: str, **settings: object) -> PackageUnderTest:
    package = find_package(tree, code, code.replace(".go", "_test.go"), machine.toolchain)
    return replace(package, settings=replace(RepositorySettings(), **settings))  # type: ignore[arg-type]


def text_of(function: str, *, package: str = "p", head: str = "") -> str:
    body = f"if {function}() != 1 {{\n\t\tt.Fatal()\n\t}}"
    return (
        f'{head}package {package}\n\nimport "testing"\n\nfunc Test{function}(t *testing.T) {{\n\t{body}\n}}\n'
    )


LEFT_OUT = {
    ("p_windows.go", "Two"): "p_windows.go is only built for windows",
    ("server_js_wasm.go", "Three"): "server_js_wasm.go is only built for js/wasm",
    ("tagged.go", "Four"): "tagged.go needs the build tag integration\n"
    "  hint: give --tags integration, or `test: {tags: [integration]}` in repos.yaml",
    ("twin.go", "Five"): "twin.go needs the build tag purego\n"
    "  hint: give --tags purego, or `test: {tags: [purego]}` in repos.yaml",
    ("tool.go", "main"): "tool.go is not built for linux/amd64: its build constraint is ignore",
    ("old.go", "Six"): "old.go is not built for linux/amd64: its build constraint is plan9",
    ("_draft.go", "Seven"): "_draft.go is never built, because of the first character of its name",
    ("both.go", "Eight"): "both.go needs the build tags a, b\n"
    "  hint: give --tags a,b, or `test: {tags: [a, b]}` in repos.yaml",
    ("future.go", "Nine"): "future.go is not built for linux/amd64: its build constraint is go1.99",
    ("experiment.go", "Eleven"): "experiment.go is not built for linux/amd64: "
    "its build constraint is goexperiment.nothing\n  hint: give --env GOEXPERIMENT=nothing",
    ("native_windows.go", "Twelve"): "native_windows.go is only built for windows",
    ("raced.go", "Thirteen"): "raced.go is not built for linux/amd64: its build constraint is race",
}  # fmt: skip


@pytest.mark.parametrize(("name", "function"), LEFT_OUT)
@pytest.mark.parametrize("code", ["right", "does not compile"])
def test_a_focal_file_that_is_not_in_the_build_bars_its_pair(
    patient: Worker, tree: Tree, machine: Machine, name: str, function: str, code: str
) -> None:
    text = text_of(function) if code == "right" else "package p\n\nvar x = nothing\n"
    record = climb(patient, package_of(tree, machine, f"plain/{name}"), text_candidate("p", "m", text))
    assert (record.status, record.reason) == (Status.INFRA_FAILURE, "not-in-build")
    assert record.evidence == LEFT_OUT[name, function]


@pytest.mark.parametrize(
    ("code", "tags", "function"),
    [
        ("tagged.go", ("integration",), "Four"),
        ("both.go", ("b", "a"), "Eight"),
        ("twin.go", ("purego",), "Five"),
    ],
)
def test_tags_reach_every_step(
    patient: Worker, tree: Tree, machine: Machine, code: str, tags: tuple[str, ...], function: str
) -> None:
    """Of the repository or of the command: type check, vet, build, run, coverage and mutants know them."""
    package, text = package_of(tree, machine, f"plain/{code}"), text_of(function)
    options = replace(patient.options, mutants=0)
    for by_command in (False, True):
        # what a worker has found out holds for its own options
        worker = replace(patient, options=replace(options, tags=tags if by_command else ()), results={})
        settings = RepositorySettings(tags=() if by_command else tags)
        record = climb(worker, replace(package, settings=settings), text_candidate("p", "m", text))
        assert record.status is Status.PASSED, record.evidence
        assert (record.statements, record.covered) == (1, 1)
        assert record.mutation is not None
        assert record.mutation.total > 0
        assert record.mutation.killed == record.mutation.total


def test_a_file_that_a_tag_leaves_out_is_barred_with_it(
    patient: Worker, tree: Tree, machine: Machine
) -> None:
    package = package_of(tree, machine, "plain/pinned.go")
    assert climb(patient, package, text_candidate("p", "m", text_of("Ten"))).status is Status.PASSED
    barred = replace(package, settings=RepositorySettings(tags=("integration",)))
    record = climb(patient, barred, text_candidate("p", "m", text_of("Ten")))
    assert record.reason == "not-in-build"
    assert record.evidence == (
        "pinned.go is not built for linux/amd64 with the tags integration: "
        "its build constraint is !integration"
    )


def test_an_experiment_decides_what_is_in_the_build(patient: Worker, tree: Tree, machine: Machine) -> None:
    """Without a build, which would compile the standard library again."""
    (tree.root / "plain" / "fields.go").write_text("//go:build goexperiment.fieldtrack\n\npackage p\n")
    package = package_of(tree, machine, "plain/fields.go", env=(("GOEXPERIMENT", "fieldtrack"),))
    assert focal_exclusion(patient.for_repository(package), package) is None
    package = replace(package, settings=RepositorySettings())
    assert focal_exclusion(patient.for_repository(package), package) == (
        "not-in-build",
        "fields.go is not built for linux/amd64: its build constraint is goexperiment.fieldtrack\n"
        "  hint: give --env GOEXPERIMENT=fieldtrack",
    )
    (tree.root / "plain" / "fields.go").unlink()


def test_a_candidate_does_not_inherit_a_name_that_leaves_it_out(
    patient: Worker, tree: Tree, machine: Machine
) -> None:
    folder = tree.root / "plain"
    (folder / "p_windows_test.go").write_text(text_of("Absent"))
    (folder / "p_test.go").write_text(text_of("One").replace("TestOne", "TestSibling"))
    try:
        package = find_package(tree, "plain/p.go", "plain/p_windows_test.go", machine.toolchain)
        assert package.test == "p_candidate_test.go"
        record = climb(patient, package, text_candidate("p", "m", text_of("One")))
        assert (record.status, record.covered, record.declared) == (Status.PASSED, 1, ("TestOne",))
        reference = Candidate("r", "p", REFERENCE, (), text_of("Absent"), None, REFERENCE, ())
        record = climb(patient, package, reference)
        assert (record.status, record.reason) == (Status.INFRA_FAILURE, "not-in-build")
        assert record.evidence == "p_windows_test.go is only built for windows"
        tagged = replace(reference, code=text_of("One", head="//go:build slow\n\n"))
        record = climb(patient, package_of(tree, machine, "plain/p.go"), tagged)
        assert record.reason == "not-in-build"
        assert record.evidence.startswith("p_test.go needs the build tag slow\n  hint: give --tags slow")
        lacks_cgo = replace(reference, code=text_of("One", head="//go:build cgo\n\n"))
        record = climb(patient, package_of(tree, machine, "plain/p.go"), lacks_cgo)
        assert record.reason == "cgo-off"
        assert record.evidence.endswith("\np_test.go needs cgo: run with --cgo")
        record = climb(patient, package_of(tree, machine, "plain/p.go", tags=("slow",)), tagged)
        assert record.status is Status.PASSED
    finally:
        (folder / "p_windows_test.go").unlink()
        (folder / "p_test.go").unlink()


def test_names_of_test_files() -> None:
    for name, other in {
        "p_windows_test.go": "p_test.go",
        "a_b_js_wasm_test.go": "a_b_test.go",
        "linux_test.go": "linux_test.go",
        "p_linux_test.go": "p_linux_test.go",
        "p_unix_test.go": "p_unix_test.go",
        "p_linux_s390x_test.go": "p_test.go",
        "windows_test.go": "windows_test.go",
        "_windows_test.go": "windows_test.go",
        "_x_plan9_test.go": "x_test.go",
    }.items():
        assert name_without_foreign_platform(name) == other


def run_of(worker: Worker, package: PackageUnderTest, body: str, imports: str = "") -> Execution:
    head = f'package set\n\nimport (\n\t"testing"\n{imports})\n\n'
    text = f"{head}func TestX(t *testing.T) {{\n\tOne()\n{body}}}\n"
    return climb(worker, package, text_candidate("p", "m", text))


def test_environment_and_short_reach_the_test(patient: Worker, tree: Tree, machine: Machine) -> None:
    package = package_of(tree, machine, "set/p.go", env=(("LEVEL", "a b=c"), ("ZONE", "x")), short=True)
    differs = 'os.Getenv("LEVEL") != "a b=c" || os.Getenv("ZONE") != "%s" || !testing.Short()'
    want = f"\tif {differs} {{\n\t\tt.Fatal()\n\t}}\n"
    assert run_of(patient, package, want % "x", '\t"os"\n').status is Status.PASSED
    with_option = replace(patient, options=replace(patient.options, env=(("ZONE", "y"),)))
    assert run_of(with_option, package, want % "y", '\t"os"\n').status is Status.PASSED
    skipping = "\tif testing.Short() {\n\t\tt.Skip()\n\t}\n"
    assert run_of(patient, package, skipping).reason == "all-skipped"


def test_the_timeout_of_a_repository_is_that_of_its_runs(
    patient: Worker, tree: Tree, machine: Machine
) -> None:
    sleep = "\ttime.Sleep(1500 * time.Millisecond)\n"
    package = package_of(tree, machine, "set/p.go", timeout=1.0)
    assert run_of(patient, package, sleep, '\t"time"\n').status is Status.TIMED_OUT
    given = replace(patient, options=replace(patient.options, keep_timeouts=False))
    assert run_of(given, package, sleep, '\t"time"\n').status is Status.PASSED


def test_the_go_command_of_a_test_knows_the_tags(patient: Worker, tree: Tree, machine: Machine) -> None:
    package = package_of(tree, machine, "set/p.go", tags=("integration",))
    body = (
        '\tout, err := exec.Command("go", "list", "-f", "{{.GoFiles}}", "../plain").CombinedOutput()\n'
        '\tif err != nil || !strings.Contains(string(out), "tagged.go") {\n'
        "\t\tt.Fatal(err, string(out))\n\t}\n"
    )
    record = run_of(patient, package, body, '\t"os/exec"\n\t"strings"\n')
    assert record.status is Status.PASSED, record.evidence


def test_settings_are_part_of_the_identity(patient: Worker, tree: Tree, machine: Machine) -> None:
    candidate = text_candidate("p", "m", text_of("One", package="set"))
    changes: list[dict[str, object]] = [
        {}, {"tags": ("a",)}, {"env": (("A", "b"),)}, {"short": True}, {"timeout": 7.0}, {"cgo": True},
    ]  # fmt: skip
    ids = [
        blank_record(candidate, package_of(tree, machine, "set/p.go", **change), "s", patient.options).id
        for change in changes
    ]
    assert len(set(ids)) == len(changes)
    package = package_of(tree, machine, "set/p.go", tags=("a",))
    same = replace(patient.options, tags=("a",))
    assert blank_record(candidate, package_of(tree, machine, "set/p.go"), "s", same).id == ids[1]
    assert blank_record(candidate, package, "s", same).id == ids[1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("PATH=/tmp", "PATH cannot be set"),
        ("CC=/tmp/cc", "CC cannot be set"),
        ("GOUTBENCH_X=1", "cannot be set"),
        ("LD_PRELOAD=x", "cannot be set"),
        ("CGO_ENABLED=1", "use `cgo:` or --cgo"),
        ("GOFLAGS=-toolexec=/tmp/x", "not -toolexec=/tmp/x"),
        ("GOFLAGS=-tags=x", "use `tags:`"),
        ("CGO_LDFLAGS=-Wl,-rpath,/x", "may hold"),
        ("1A=b", "not the name"),
        ("novalue", "without a value"),
    ],
)
def test_variables_that_may_not_be_set(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ExecuteOptions(env=parse_variables([text]))


@pytest.mark.parametrize("tag", ["", "a,b", "windows", "cgo", "race", "-x", "go1.20"])
def test_tags_that_may_not_be_set(tag: str) -> None:
    with pytest.raises(ConfigError):
        ExecuteOptions(tags=(tag,))


def test_a_reference_that_is_not_in_the_build_excludes_nothing(tmp_path: Path) -> None:
    write_rows(
        tmp_path / REFERENCE_TABLE,
        [{"id": "a", "reference_status": "INFRA_FAILURE", "reference_reason": "not-in-build"}],
    )
    assert read_excluded(tmp_path) == {}
    assert read_settings(tmp_path) == {}


def test_go_test_agrees_about_what_is_in_the_build(machine: Machine, tree: Tree) -> None:
    """Which files are left out is the word of `go list`."""
    left_out = {name for name, _ in LEFT_OUT if not name.startswith("_")}
    args = ["list", "-e", "-f", "{{.IgnoredGoFiles}}", "./plain"]
    done = plain_go(machine.toolchain, args, tree.root, CGO_ENABLED="1")
    assert set(done.stdout.strip("[]\n").split()) - {"_draft.go"} == left_out


def test_the_lock_file_brings_its_settings_to_execute(machine: Machine, tmp_path: Path) -> None:
    """From repos.yaml to records; a run with another tag, in another folder, executes what was barred."""
    source = machine.workspace.trees / "settings-locked"
    shutil.rmtree(source, ignore_errors=True)
    for name, text in {
        "go.mod": "module example.test/l\n\ngo 1.22\n",
        "a.go": "//go:build deep\n\npackage p\n\nfunc One() int { return 1 }\n",
        "a_test.go": text_of("One", head="//go:build deep\n\n"),
        "b.go": "//go:build other\n\npackage p\n\nfunc Two() int { return 1 }\n",
        "b_test.go": text_of("Two", head="//go:build other\n\n"),
        "c.go": "package p\n",
        "LICENSE": "MIT License\n",
    }.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    test = {"tags": ["deep"], "env": {"LEVEL": "1"}, "timeout": 50}
    entry = {"name": "o/l", "source": str(source), "version": "1", "test": test, "pairing": "same-name"}
    dataset = tmp_path / "dataset"
    locations = SourceLocations((), tmp_path / "cache")
    curate(CurateConfig.model_validate({"repositories": [entry]}), dataset, locations)
    assert read_settings(dataset)["o/l"] == RepositorySettings(("deep",), (("LEVEL", "1"),), timeout=50.0)
    options = ExecuteOptions(repeat=1, build_seconds=600)

    def verdicts(options: ExecuteOptions) -> dict[str, tuple[str, str, str]]:
        out = tmp_path / f"out{''.join(options.tags)}"
        records = run_stage(
            None, dataset, tmp_path, out, options=options, reference=True, work=machine.workspace.root
        )
        paths = {pair.id: pair.code_path for pair in read_pairs(dataset)}
        return {paths[record.pair_id]: (record.status, record.reason, record.id) for record in records}

    first = verdicts(options)
    assert first["a.go"][:2] == ("PASSED", "")
    assert first["b.go"][:2] == ("INFRA_FAILURE", "not-in-build")
    second = verdicts(replace(options, tags=("other",)))
    assert [verdict[:2] for verdict in second.values()] == [("PASSED", "")] * 2
    assert first["a.go"][2] != second["a.go"][2]
    assert verdicts(options) == first
