"""The commands on files: a dataset in, tables out, and what bad input gets."""

import json
import os
import shutil
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.errors import ConfigError, DatasetError, StorageError, ToolError
from goutbench.execute.evaluate import Site
from goutbench.execute.inputs import read_barred, read_candidates, read_places
from goutbench.execute.journal import decode, load
from goutbench.execute.sandbox import choose as sandbox
from goutbench.execute.sandbox.command import Command
from goutbench.execute.sandbox.process import Outcome
from goutbench.records import Execution

CALC = Path(__file__).parents[1] / "data" / "execute" / "calc"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One pair of the calc module and one of a repository that is nowhere; plain trees as the cache."""
    folder = tmp_path / "dataset"
    (folder / "data").mkdir(parents=True)
    test = (CALC / "calc_test.go").read_text()
    rows = [
        {"id": name, "repository": f"example/{name}", "revision": "1", "code_path": "calc.go",
         "test_path": "calc_test.go", "test": test}
        for name in ("calc", "nowhere")
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "example.parquet")
    return folder


def test_reference_run_writes_its_columns_and_bars_what_cannot_run(
    dataset: Path, site: Site, tmp_path: Path
) -> None:
    cache = site.place.trees / "plain" / "example"
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "calc").exists():
        shutil.copytree(CALC, cache / "calc")
    arguments = ["execute", "--reference", "--dataset", str(dataset), "--repos", str(cache.parent), "--json"]
    arguments += [
        "--out",
        str(tmp_path / "run"),
        "--work",
        str(site.place.root),
        "--workers",
        "1",
        "--repeat",
        "2",
    ]

    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["passed"], summary["infra_failure"], summary["pass_rate"]) == (1, 1, 0.5)
    rows = {row["id"]: row for row in pq.read_table(dataset / "reference.parquet").to_pylist()}
    assert rows["calc"]["verified"] is True
    assert rows["calc"]["reference_coverage"] == 6 / 13
    assert rows["nowhere"]["reference_status"] == "INFRA_FAILURE"
    assert rows["nowhere"]["verified"] is False
    assert set(read_barred(dataset)) == {"nowhere"}
    table = pq.read_table(tmp_path / "run" / "executions.parquet")
    assert table.num_rows == 2
    assert {field.name for field in fields(Execution)} - {"mutation"} <= set(table.column_names)
    assert set(load(tmp_path / "run")) == set(table["id"].to_pylist())


def test_bad_candidates_are_named_by_line(tmp_path: Path) -> None:
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
        read_places(tmp_path)


def read_candidates_as_parquet(folder: Path) -> None:
    path = folder / "broken.parquet"
    path.write_bytes(b"PAR1 but not really")
    read_candidates(path)


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "executions.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(StorageError, match="not a journal"):
        load(tmp_path)
    with pytest.raises(KeyError):
        decode({})


def test_without_a_sandbox_nothing_runs_unless_it_is_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = site.sandbox.keeper  # type: ignore[attr-defined]
    monkeypatch.setattr(sandbox, "why_not_bubblewrap", lambda keeper: "missing: bwrap")
    if os.geteuid() == 0:
        assert sandbox.choose(keeper).name == "unshare"
    monkeypatch.setattr(sandbox, "why_not_unshare", lambda keeper: "it needs root")
    with pytest.raises(ToolError, match="cannot contain"):
        sandbox.choose(keeper)
    uncontained = sandbox.choose(keeper, unsafe=True)
    assert uncontained.name == "none"
    outcome = uncontained.run(
        Command(("/bin/sh", "-c", "echo $A; exit 3"), Path("/tmp"), {"A": "b", "PATH": "/usr/bin:/bin"})
    )
    assert (outcome.exit_code, outcome.stdout, outcome.started) == (3, b"b\n", True)


def test_a_sandbox_that_cannot_start_is_not_the_commands_failure(site: Site) -> None:
    outcome: Outcome = site.sandbox.run(Command(("/bin/true",), Path("/nowhere"), {}))
    assert not outcome.started
    assert b"/nowhere" in outcome.stderr


def test_doctor_says_what_it_tried(site: Site) -> None:
    done = CliRunner().invoke(app, ["doctor", "--work", str(site.place.root), "--json"])
    assert done.exit_code == 0, done.output
    states = {check["what"]: check["state"] for check in json.loads(done.stdout)}
    assert states["sandbox"] == states["no further user namespaces"] == states["no capabilities"] == "ok"
