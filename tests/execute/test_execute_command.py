"""The commands on files: a dataset in, tables out, and errors for bad input."""

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from judging import make_pair, write_dataset
from reporting import PASSED, execution
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.errors import ConfigError, DatasetError, StorageError, ToolError
from goutbench.execute.doctor import compare_machines
from goutbench.execute.inputs import read_candidates, read_excluded, read_locations
from goutbench.execute.journal import open_journal
from goutbench.execute.ladder.faults import fault_line
from goutbench.execute.machine import Machine
from goutbench.execute.sandbox.bubblewrap import Bubblewrap
from goutbench.execute.sandbox.choose import choose
from goutbench.execute.sandbox.command import Command, Outcome
from goutbench.execute.sandbox.engine import ENGINES
from goutbench.execute.sandbox.landlock import Landlock
from goutbench.execute.sandbox.unshare import Unshare
from goutbench.execute.stage import explain_infrastructure
from goutbench.records import Execution, Rung, Status

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One pair of the calc module and one of a repository that does not exist."""
    test = (CALC / "calc_test.go").read_text()
    pairs = [
        replace(
            make_pair(0), id=name, repository=f"example/{name}", code_path="calc.go",
            test_path="calc_test.go", test=test,
        )
        for name in ("calc", "nowhere")
    ]  # fmt: skip
    return write_dataset(tmp_path / "dataset", pairs)


def test_a_reference_run_writes_its_table_and_excludes_pairs_that_cannot_run(
    dataset: Path, machine: Machine, tmp_path: Path
) -> None:
    cache = machine.workspace.trees / "plain" / "example"
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "calc").exists():
        shutil.copytree(CALC, cache / "calc")
    arguments = ["execute", "--reference", "--dataset", str(dataset), "--repos", str(cache.parent), "--json"]
    arguments += [
        "--out",
        str(tmp_path / "run"),
        "--work",
        str(machine.workspace.root),
        "--workers",
        "1",
        "--repeat",
        "2",
    ]

    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["passed"], summary["infra_failure"], summary["pass_rate"]) == (1, 1, 0.5)
    assert "infrastructure errors: 1 of 2 candidates\n  1 no-source: " in done.stderr
    assert f"\n    hint: put it at {cache.parent}/example/nowhere, or give another --repos\n" in done.stderr
    rows = {row["id"]: row for row in pq.read_table(dataset / "reference.parquet").to_pylist()}
    assert rows["calc"]["verified"] is True
    assert rows["calc"]["reference_coverage"] == 6 / 13
    assert rows["nowhere"]["reference_status"] == "INFRA_FAILURE"
    assert rows["nowhere"]["verified"] is False
    assert set(read_excluded(dataset)) == {"nowhere"}
    table = pq.read_table(tmp_path / "run" / "executions.parquet")
    assert table.num_rows == 2
    assert {field.name for field in fields(Execution)} - {"mutation"} <= set(table.column_names)
    assert set(open_journal(tmp_path / "run").records) == set(table["id"].to_pylist())


def test_an_error_about_a_bad_candidate_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    path.write_bytes(b'{"pair_id": "a", "model": "m", "code": "package \\u00e9"}\n\n{"pair_id": "a"}\n')
    with pytest.raises(ConfigError, match=r"candidates\.jsonl:3: a candidate needs the text model, code"):
        read_candidates(path)
    path.write_bytes(b"not json\n")
    with pytest.raises(ConfigError, match=r":1: not JSON"):
        read_candidates(path)
    path.write_bytes(b'{"pair_id": "a", "model": "m", "code": "caf\xe9"}\n')
    assert read_candidates(path)[0].code == "caf\udce9"
    with pytest.raises(ConfigError, match="no such file"):
        read_candidates(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="not readable as Parquet"):
        read_candidates_as_parquet(tmp_path)
    with pytest.raises(DatasetError):
        read_locations(tmp_path)


def test_candidates_without_ids_keep_their_functions_and_samples(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    row = {"pair_id": "a", "model": "m", "code": "package a"}
    more: list[dict[str, object]] = [{}, {"focal": ["F"]}, {"focal": ["F"], "sample": 1}]
    path.write_text("".join(json.dumps(row | extra) + "\n" for extra in more))
    candidates = read_candidates(path)
    assert [(one.focal, one.sample) for one in candidates] == [((), 0), (("F",), 0), (("F",), 1)]
    assert len({one.id for one in candidates}) == 3, "each is executed"
    for wrong in ({"focal": 3}, {"focal": [3]}, {"sample": "abc"}, {"sample": -1}):
        path.write_text(json.dumps(row | wrong) + "\n")
        with pytest.raises(ConfigError, match=r"candidates\.jsonl:1: `(focal|sample)` is not a"):
            read_candidates(path)


def read_candidates_as_parquet(folder: Path) -> None:
    path = folder / "broken.parquet"
    path.write_bytes(b"PAR1 but not really")
    read_candidates(path)


def test_a_journal_of_another_version_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "executions.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(StorageError, match="a journal of another version"):
        open_journal(tmp_path)


def test_without_a_sandbox_nothing_runs_unless_the_user_permits_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = machine.sandbox.init  # type: ignore[attr-defined]
    monkeypatch.setattr(Bubblewrap, "why_unavailable", lambda self: "missing: bwrap")
    if os.geteuid() == 0:
        assert choose(init).name == "unshare"
    monkeypatch.setattr(Unshare, "why_unavailable", lambda self: "it needs root")
    assert choose(init).name == "landlock"
    monkeypatch.setattr(Landlock, "why_unavailable", lambda self: "no Landlock")
    with pytest.raises(ToolError, match="cannot isolate"):
        choose(init)
    no_sandbox = choose(init, unsafe=True)
    assert no_sandbox.name == "none"
    outcome = no_sandbox.run(
        Command(("/bin/sh", "-c", "echo $A; exit 3"), Path("/tmp"), {"A": "b", "PATH": "/usr/bin:/bin"})
    )
    assert (outcome.exit_code, outcome.stdout, outcome.started) == (3, b"b\n", True)


def test_a_sandbox_can_be_chosen_by_its_name(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    init = machine.sandbox.init  # type: ignore[attr-defined]
    assert choose(init, name="landlock").name == "landlock"
    monkeypatch.setattr(Unshare, "why_unavailable", lambda self: "it needs root")
    with pytest.raises(ToolError, match="unshare does not work here: it needs root"):
        choose(init, name="unshare")
    with pytest.raises(ConfigError, match="no sandbox is called chroot"):
        choose(init, name="chroot", unsafe=True)


def test_a_sandbox_that_does_not_start_is_not_the_failure_of_the_command(machine: Machine) -> None:
    outcome: Outcome = machine.sandbox.run(Command(("/bin/true",), Path("/nowhere"), {}))
    assert not outcome.started
    assert b"/nowhere" in outcome.stderr


def test_doctor_reports_every_check(machine: Machine) -> None:
    done = CliRunner().invoke(app, ["doctor", "--work", str(machine.workspace.root), "--json"])
    assert done.exit_code == 0, done.output
    states = {check["what"]: check["state"] for check in json.loads(done.stdout)}
    assert states["sandbox"] == states["no further user namespaces"] == states["no capabilities"] == "ok"
    assert {states[engine] for engine in filter(shutil.which, ENGINES)} <= {"untried"}


def test_doctor_tells_a_node_with_another_go_or_sandbox() -> None:
    here = "go1.26.8, bubblewrap"
    assert compare_machines(here, here).state == "ok"
    for there in ("no Go", "go1.25.1, bubblewrap", "go1.26.8, unshare"):
        check = compare_machines(here, there)
        assert check.state == "missing"
        assert there in check.detail
        assert here in check.detail


def test_infrastructure_errors_are_explained_by_their_most_frequent_reasons() -> None:
    def failed(reason: str, evidence: str) -> Execution:
        record = execution("k", make_pair(0), "m", Status.INFRA_FAILURE, Rung.NONE, reason)
        return replace(record, evidence=evidence)

    passed = execution("p", make_pair(0), "m", *PASSED)
    assert explain_infrastructure([passed]) == []
    errors = [
        failed("disk-full", ""),
        *(failed("no-source", fault_line("x: not found", "fetch it")) for _ in range(2)),
        *(failed("missing-module", "\n \x1b[2Jcannot find\nmore") for _ in range(3)),
    ]
    assert explain_infrastructure([passed, *errors]) == [
        "infrastructure errors: 6 of 7 candidates",
        "  3 missing-module: ?[2Jcannot find",
        "  2 no-source: x: not found\n    hint: fetch it",
        "  1 disk-full",
    ]
    many = [failed(f"reason-{number}", "") for number in range(9)]
    assert len(explain_infrastructure(many)) == 6


def test_a_missing_folder_of_repositories_is_an_error(tmp_path: Path) -> None:
    arguments = ["execute", "--reference", "--dataset", str(tmp_path), "--repos", str(tmp_path / "no")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, ConfigError)
    assert "no such folder" in str(done.exception)
