"""Shards, merged: the bytes of a run without shards, or an error that names what is wrong."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calc_repository import calc_repository, repository_pair
from judging import make_judge, make_pair, with_inspect, write_dataset
from typer.testing import CliRunner
from workfolder import shared_work

from goutbench.cli import app
from goutbench.dataset.reading import read_records
from goutbench.dataset.shards import Shard, ShardPlan
from goutbench.dataset.store import read_table, write_rows
from goutbench.errors import ConfigError
from goutbench.execute.inputs import read_candidates
from goutbench.execute.journal import open_journal
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate
from goutbench.inference.models import Server
from goutbench.judge.options import JudgeOptions
from goutbench.judge.stage import judge
from goutbench.locations import CANDIDATES, COMPLETIONS, EXECUTIONS, PROMPTS, REFERENCE_TABLE
from goutbench.merge.stage import merge
from goutbench.records import Execution
from goutbench.report.inputs import read_results, read_run
from goutbench.report.warnings import warnings_of

COUNT = 16
UNKNOWN = "gone"  # no pair of the dataset
TEST = """package calc

import "testing"

func Test{name}(t *testing.T) {{
	if Add(1, 2) != {sum} {{
		t.Error("wrong")
	}}
}}
"""


def files(folder: Path, *names: str) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


# ── generate ───────────────────────────────────────────────────────────────────────────────────────────


@with_inspect
def test_sixteen_shards_of_a_scripted_run_are_the_run_without_shards(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(5)])
    model, options = "scripted/echo", GenerateOptions(unit="function", samples=2, limit=4)
    runs = [tmp_path / f"run{number}" for number in range(1, COUNT + 1)]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, COUNT))
        generate(dataset, run, model, options, shard=plan, server=Server())
    assert merge(runs[::-1], dataset, tmp_path / "merged") == {"generate": 8}
    # the seconds of a call are measured: a run without shards that has these replies asks for none
    (tmp_path / "plain").mkdir()
    shutil.copy(tmp_path / "merged" / "completions.jsonl", tmp_path / "plain")
    generate(dataset, tmp_path / "plain", model, options, server=Server())
    assert not (tmp_path / "plain" / "logs").exists()
    names = (PROMPTS, COMPLETIONS, CANDIDATES, "run.json", "completions.jsonl")
    assert files(tmp_path / "merged", *names) == files(tmp_path / "plain", *names)
    assert len(list((tmp_path / "merged" / "logs").iterdir())) == sum((run / "logs").exists() for run in runs)


@pytest.fixture
def baseline(tmp_path: Path) -> tuple[Path, list[Path]]:
    """A dataset, and four shards of a baseline's run."""
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(20)])
    runs = [tmp_path / f"run{number}" for number in range(1, 5)]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, 4))
        generate(dataset, run, "baseline/reference", GenerateOptions(), shard=plan)
    return dataset, runs


def change(path: Path, **changed: Any) -> None:
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(content | changed))


def test_the_shards_of_a_baseline_are_its_run_and_one_folder_twice_changes_nothing(
    baseline: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    dataset, runs = baseline
    generate(dataset, tmp_path / "plain", "baseline/reference", GenerateOptions())
    shutil.copytree(runs[1], tmp_path / "again")
    merge([*runs, tmp_path / "again", runs[0]], dataset, tmp_path / "merged")
    names = (CANDIDATES, PROMPTS, COMPLETIONS, "run.json")
    assert files(tmp_path / "merged", *names) == files(tmp_path / "plain", *names)
    words = ["merge", *map(str, runs), "--dataset", str(dataset), "--out", str(tmp_path / "by command")]
    shown = CliRunner().invoke(app, words).stdout
    execute_command = f"execute '{tmp_path / 'by command' / CANDIDATES}' --out '{tmp_path / 'by command'}'"
    assert shown == f"generate: 20\nnext: goutbench {execute_command} --dataset {dataset}\n"
    with pytest.raises(ConfigError, match="not empty"):
        merge(runs, dataset, tmp_path / "merged")
    for folder, expected in ((runs[2], [f"{runs[2]} is the shard 3/4"]), (tmp_path / "merged", [])):
        warnings = warnings_of(read_results([read_run(folder)], dataset), dataset)
        assert [text.partition(" of a run")[0] for text in warnings if "is the shard" in text] == expected


def test_what_does_not_belong_together_is_named(baseline: tuple[Path, list[Path]], tmp_path: Path) -> None:
    dataset, runs = baseline
    out = tmp_path / "merged"
    with pytest.raises(ConfigError, match="shards are missing: 2/4, 4/4"):
        merge([runs[0], runs[2]], dataset, out)
    rows = read_table(runs[2] / CANDIDATES).to_pylist()
    write_rows(runs[2] / CANDIDATES, rows[1:])
    missing = f"the shard 3/4 lacks 1 of {len(rows)} units of generate: {rows[0]['pair_id']}"
    with pytest.raises(ConfigError, match=missing):
        merge(runs, dataset, out)
    write_rows(runs[2] / CANDIDATES, rows)

    shutil.copytree(runs[2], tmp_path / "contradicts")
    write_rows(tmp_path / "contradicts" / CANDIDATES, [{**rows[0], "code": "package q"}, *rows[1:]])
    with pytest.raises(ConfigError, match=f"two results of the unit {rows[0]['pair_id']} 0 differ in code"):
        merge([*runs, tmp_path / "contradicts"], dataset, out)

    original = (runs[3] / "shard.json").read_text()
    change(runs[3] / "shard.json", goutbench="9.9")
    with pytest.raises(ConfigError, match=r"goutbench is 0.1.0 and was 9.9"):
        merge(runs, dataset, out)
    changed = json.loads(original)
    changed["stages"]["generate"]["facts"]["options"]["budget"] = 7
    (runs[3] / "shard.json").write_text(json.dumps(changed))
    with pytest.raises(ConfigError, match="generate options budget is 15360 and was 7"):
        merge(runs, dataset, out)
    (runs[3] / "shard.json").write_text(original.replace('"4/4"', '"4/5"'))
    with pytest.raises(ConfigError, match="the count of shards is 4 and was 5"):
        merge(runs, dataset, out)
    (runs[3] / "shard.json").unlink()
    with pytest.raises(ConfigError, match="the folder has no shard"):
        merge(runs, dataset, out)
    another = write_dataset(tmp_path / "another", [make_pair(30)])
    with pytest.raises(ConfigError, match="of another dataset"):
        merge(runs[:3], another, out)
    assert not out.exists()
    assert not list(tmp_path.glob(".*"))


def test_options_that_select_nothing_are_noticed_when_all_shards_are_empty(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)])
    runs = [tmp_path / "run1", tmp_path / "run2"]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, 2))
        generate(dataset, run, "baseline/reference", GenerateOptions(paths="nothing"), shard=plan)
    with pytest.raises(ConfigError, match="no shard has a unit"):
        merge(runs, dataset, tmp_path / "merged")


# ── execute ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, list[Path]]:
    """Repositories, a dataset, a file of candidates, and three shards of its execution, one of them empty."""
    folder = tmp_path_factory.mktemp("executed")
    repositories = calc_repository(folder)
    pair = repository_pair(repositories)
    dataset = write_dataset(folder / "dataset", [replace(pair, id=name) for name in ("calc", "tools")])
    rows = [
        {"pair_id": pair_id, "model": "m", "code": TEST.format(name=f"S{sum}", sum=sum)}
        for pair_id in ("calc", "tools")
        for sum in (3, 4)
    ]
    rows.append({"pair_id": UNKNOWN, "model": "m", "code": TEST.format(name="S3", sum=3)})
    candidates = folder / "candidates.jsonl"
    candidates.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = [folder / f"run{number}" for number in range(1, 4)]
    for number, run in enumerate(runs, 1):
        execute(candidates, dataset, repositories, run, shard=ShardPlan.of(dataset, Shard(number, 3)))
    return repositories, dataset, candidates, runs


def execute(
    candidates: Path | None, dataset: Path, repositories: Path, out: Path, **how: Any
) -> list[Execution]:
    options = ExecuteOptions(repeat=1, mutants=3, test_seconds=8.0, build_seconds=600.0)
    return run_stage(
        candidates, dataset, repositories, out, options=options, work=shared_work("merge"), **how
    )


def test_merged_executions_are_those_of_a_run_without_shards(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path
) -> None:
    repositories, dataset, candidates, runs = executed
    sizes = [read_table(run / EXECUTIONS).num_rows for run in runs]
    assert sorted(sizes)[0] == 0
    assert sum(sizes) == 5
    assert merge(runs, dataset, tmp_path / "merged") == {"execute": 5}
    unknown = [row for row in read_table(tmp_path / "merged" / EXECUTIONS).to_pylist() if row["reason"]]
    assert [(row["pair_id"], row["reason"]) for row in unknown if row["pair_id"] == UNKNOWN] == [
        (UNKNOWN, "unknown-pair")
    ]
    (tmp_path / "plain").mkdir()
    shutil.copy(tmp_path / "merged" / "executions.jsonl", tmp_path / "plain")
    before = (tmp_path / "plain" / "executions.jsonl").read_bytes()
    execute(candidates, dataset, repositories, tmp_path / "plain")  # executes nothing
    assert (tmp_path / "plain" / "executions.jsonl").read_bytes() == before
    names = (EXECUTIONS, "execute.json")
    assert files(tmp_path / "merged", *names) == files(tmp_path / "plain", *names)
    with pytest.raises(ConfigError, match="the folder has the shard 1/3"):
        execute(candidates, dataset, repositories, runs[0])


def test_the_same_unit_measured_twice_is_one_and_another_status_is_a_contradiction(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path
) -> None:
    _, dataset, _, runs = executed
    run = max(runs, key=lambda run: read_table(run / EXECUTIONS).num_rows)
    again = tmp_path / "again"
    shutil.copytree(run, again)
    rows = read_table(run / EXECUTIONS).to_pylist()
    write_rows(again / EXECUTIONS, [{**row, "build_seconds": 9.5, "evidence": "0.02s"} for row in rows])
    merge([*runs, again], dataset, tmp_path / "one")
    merge([again, *runs], dataset, tmp_path / "two")
    assert files(tmp_path / "one", EXECUTIONS) == files(tmp_path / "two", EXECUTIONS)
    write_rows(again / EXECUTIONS, [{**row, "status": "FLAKY", "covered": 0} for row in rows])
    with pytest.raises(ConfigError, match=r"two results of the unit \w+ differ in (covered, )?status"):
        merge([*runs, again], dataset, tmp_path / "three")
    (again / EXECUTIONS).unlink()
    merge([again, *runs], dataset, tmp_path / "unfinished twin")
    with pytest.raises(ConfigError, match="lacks"):
        merge([*(one for one in runs if one != run), again], dataset, tmp_path / "three")


@pytest.mark.parametrize("what", ["Go", "the sandbox"])
def test_shards_of_different_machines_are_named(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path, what: str
) -> None:
    _, dataset, _, runs = executed
    changed, machine = tmp_path / "changed", next(run for run in runs if "tools" in pairs_of(run))
    shutil.copytree(machine, changed)
    if what == "Go":
        content = json.loads((changed / "shard.json").read_bytes())
        content["stages"]["execute"]["facts"]["machine"] = "another"
        (changed / "shard.json").write_text(json.dumps(content))
    else:
        rows = read_table(machine / EXECUTIONS).to_pylist()
        write_rows(changed / EXECUTIONS, [{**row, "sandbox": "another"} for row in rows])
    mixed = [changed, *(run for run in runs if run != machine)]
    with pytest.raises(ConfigError, match=rf"machines: {what} is .*another in {changed}") as caught:
        merge(mixed, dataset, tmp_path / "merged")
    assert "--mixed" in caught.value.hint
    words = ["merge", *map(str, mixed), "--dataset", str(dataset), "--out", str(tmp_path / "merged")]
    accepted = CliRunner().invoke(app, [*words, "--mixed"])
    assert accepted.exit_code == 0, accepted.output
    assert f"warning: shards of different machines: {what} is " in accepted.stderr


def pairs_of(run: Path) -> set[str]:
    return {row["pair_id"] for row in read_table(run / EXECUTIONS).to_pylist()}


def test_the_next_command_of_one_shard_is_merge(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path
) -> None:
    repositories, dataset, candidates, runs = executed
    words = [candidates, "--dataset", dataset, "--repos", repositories, "--work", shared_work("merge")]
    empty = next(number for number, run in enumerate(runs, 1) if not pairs_of(run))
    words += ["--shard", f"{empty}/3", "--out", tmp_path / f"part-{empty}"]
    result = CliRunner().invoke(app, ["execute", *map(str, words)])
    expected = f"next, after all 3 shards: goutbench merge {tmp_path / 'part-'}* --dataset {dataset}\n"
    assert result.stdout.endswith(expected), result.output


def test_reference_tests_in_shards_write_the_table_of_references_when_they_are_merged(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path
) -> None:
    repositories, dataset, _, _ = executed
    runs = [tmp_path / "run1", tmp_path / "run2"]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, 2))
        execute(None, dataset, repositories, run, reference=True, shard=plan)
    assert not (dataset / REFERENCE_TABLE).exists()
    merge(runs, dataset, tmp_path / "merged")
    assert {row["id"] for row in read_table(dataset / REFERENCE_TABLE).to_pylist()} == {"calc", "tools"}
    (dataset / REFERENCE_TABLE).unlink()


def test_a_shard_goes_through_generate_and_execute_in_its_own_folder(
    executed: tuple[Path, Path, Path, list[Path]], tmp_path: Path
) -> None:
    repositories, dataset, _, _ = executed
    runs = [tmp_path / "run1", tmp_path / "run2"]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, 2))
        generate(dataset, run, "baseline/reference", GenerateOptions(), shard=plan)
        execute(run / CANDIDATES, dataset, repositories, run, shard=plan)
    with pytest.raises(ConfigError, match="shards are missing: 2/2"):
        merge(runs[:1], dataset, tmp_path / "merged")
    grown = max(runs, key=lambda run: read_table(run / CANDIDATES).num_rows)
    rows = read_table(grown / CANDIDATES).to_pylist()
    write_rows(grown / CANDIDATES, [*rows, {**rows[0], "id": "later", "sample": 1}])
    with pytest.raises(ConfigError, match="executed other candidates than it has: 1 are new, 0 are gone"):
        merge(runs, dataset, tmp_path / "merged")
    write_rows(grown / CANDIDATES, rows)
    arguments = ["merge", *map(str, runs), "--dataset", str(dataset), "--out", str(tmp_path / "merged")]
    result = CliRunner().invoke(app, arguments)
    assert result.stdout.startswith("generate: 2\nexecute: 2\nnext: goutbench report "), result.output
    generate(dataset, tmp_path / "merged", "baseline/reference", GenerateOptions())
    records = execute(tmp_path / "merged" / CANDIDATES, dataset, repositories, tmp_path / "merged")
    assert {record.status for record in records} == {"PASSED"}
    with open_journal(tmp_path / "merged") as journal:
        assert len(journal) == 2
    assert len(read_candidates(tmp_path / "merged" / CANDIDATES)) == 2
    assert len(read_records(tmp_path / "merged" / EXECUTIONS, Execution)) == 2


# ── judge ──────────────────────────────────────────────────────────────────────────────────────────────


@with_inspect
def test_a_judgement_in_shards_is_the_judgement_without_shards(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(6)])
    a, b = tmp_path / "a", tmp_path / "b"
    generate(dataset, a, "baseline/empty", GenerateOptions())
    generate(dataset, b, "baseline/reference", GenerateOptions())
    judges = [make_judge(), make_judge("paper", "scripted_judge/longer")]
    options, server = JudgeOptions(limit=5), Server()
    runs = [tmp_path / f"judged{number}" for number in range(1, 4)]
    for number, run in enumerate(runs, 1):
        plan = ShardPlan.of(dataset, Shard(number, 3))
        judge([a, b], dataset, run, judges, options, server, shard=plan)
    arguments = ["merge", *map(str, runs), "--dataset", str(dataset), "--out", str(tmp_path / "merged")]
    content = (b / CANDIDATES).read_bytes()
    rows = read_table(b / CANDIDATES).to_pylist()
    write_rows(b / CANDIDATES, [{**row, "code": "package later"} for row in rows])
    with pytest.raises(ConfigError, match="has changed since it was judged") as caught:
        merge(runs, dataset, tmp_path / "merged")
    assert caught.value.where == str(b)
    (b / CANDIDATES).write_bytes(content)
    result = CliRunner().invoke(app, arguments)
    report = f"report {a} {b} --judge {tmp_path / 'merged'} --dataset {dataset}"
    assert result.output == f"judge: 15\nnext: goutbench {report}\n"
    (tmp_path / "plain").mkdir()
    shutil.copy(tmp_path / "merged" / "answers.jsonl", tmp_path / "plain")
    judge([a, b], dataset, tmp_path / "plain", judges, options, server, reparse=True)
    names = ("verdicts.parquet", "matches.parquet", "run.json")
    assert files(tmp_path / "merged", *names) == files(tmp_path / "plain", *names)
