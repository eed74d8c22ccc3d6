"""Executions by workers that are processes of their own: the same records, whatever becomes of a worker."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calc_repository import calc_repository, repository_pair
from poisonous import POISON, climb_or_die

from goutbench.execute.evaluate import ExecutionSpec, evaluate_in
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.ladder.record import blank_record
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.units import Executing, ExecutionJob, ExecutionUnit, units_of
from goutbench.records import Execution

OPTIONS = ExecuteOptions(repeat=1, mutants=2, test_seconds=8.0, memory_mib=512, build_seconds=600.0)
TEST = """package calc

import "testing"

func TestSum(t *testing.T) {{
	if Sum({n}) != {sum} {{
		t.Fatal()
	}}
}}
"""
SECONDS: dict[str, Any] = {"gate_seconds": 0.0, "build_seconds": 0.0, "run_seconds": 0.0, "evidence": ""}


def without_seconds(record: Execution) -> Execution:
    mutation = replace(record.mutation, seconds=0.0) if record.mutation else None
    return replace(record, **SECONDS, mutation=mutation)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calc_repository(tmp_path_factory.mktemp("units"))


@pytest.fixture(scope="module")
def spec(machine: Machine, repositories: Path) -> ExecutionSpec:
    return ExecutionSpec(repositories, OPTIONS, climb_or_die, machine.workspace.root)


@pytest.fixture(scope="module")
def pairs(repositories: Path) -> dict[str, PairLocation]:
    pair = repository_pair(repositories)
    return {pair.id: PairLocation(pair.id, pair.repository, pair.revision, pair.code_path, pair.test_path)}


def test_worker_processes_give_the_records_of_threads_and_poison_is_an_infrastructure_error(
    spec: ExecutionSpec, pairs: dict[str, PairLocation], tmp_path: Path
) -> None:
    good = [text_candidate("calc", "m", TEST.format(n=n, sum=n * (n + 1) // 2)) for n in (1, 2)]
    good.append(text_candidate("calc", "m", TEST.format(n=3, sum=7)))
    poison = text_candidate("calc", "m", f"package calc {POISON}")
    with spec.open_session(2) as session:
        records = evaluate_in(
            session, [poison, *good], pairs, out=tmp_path, runner="processes", retry_alone=True
        )
        threads = evaluate_in(session, good, pairs, retry_alone=True)
        assert [without_seconds(record) for record in records[1:]] == [*map(without_seconds, threads)]
    assert [record.status for record in threads] == ["PASSED", "PASSED", "TESTS_FAILED"]
    assert (records[0].status, records[0].reason) == ("INFRA_FAILURE", "worker-lost")
    assert records[0].evidence.startswith("its worker process was killed")
    lines = [json.loads(line) for line in (tmp_path / "executions.jsonl").read_text().splitlines()]
    failing = records[3].id  # it was executed again, alone
    assert Counter(line["id"] for line in lines) == Counter(r.id for r in records) + Counter([failing])


def test_a_node_with_other_bytes_or_another_go_is_an_infrastructure_error(
    spec: ExecutionSpec, pairs: dict[str, PairLocation], machine: Machine
) -> None:
    candidate = text_candidate("calc", "m", TEST.format(n=1, sum=1))
    with spec.open_session(2) as session:
        package = session.finder.package(pairs["calc"])
        session.pool.expect([package])
        key = blank_record(candidate, package, machine.sandbox.name, OPTIONS).id
        unit = units_of([ExecutionJob(0, package, candidate)], {0: key}, pairs, session.pool)[0]
    with Executing(spec).open(0) as execute:
        results: list[tuple[int, Execution] | None] = [
            execute(one)
            for one in (None, unit, replace(unit, content="0"), replace(unit, key="0"), _elsewhere(unit))
        ]
    assert results[0] is None
    records = [result[1] for result in results if result]
    assert [(record.status, record.reason) for record in records] == [
        ("PASSED", ""),
        ("INFRA_FAILURE", "worker-differs"),
        ("INFRA_FAILURE", "worker-differs"),
        ("INFRA_FAILURE", "no-source"),
    ]
    assert records[3].id == unit.key


def _elsewhere(unit: ExecutionUnit) -> ExecutionUnit:
    return replace(unit, pair=replace(unit.pair, revision="0" * 40))
