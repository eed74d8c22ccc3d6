"""Which shard a pair belongs to: stable, balanced, and not to be resumed as another."""

import random
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.shards import Shard, ShardPlan, assign, claim, read_shard, recorded_costs
from goutbench.dataset.store import write_rows
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import CANDIDATES, FACTS

IDS = [f"{number:016x}" for number in range(2000)]


def heavy_tailed(ids: list[str]) -> dict[str, float]:
    """Costs as executions have them: most take seconds, a few take minutes."""
    draw = random.Random(1)
    return {id: 3 + draw.paretovariate(1.2) for id in ids}


def test_adding_pairs_without_a_cost_moves_none() -> None:
    before, after = assign(IDS[:1000], {}, 16), assign(IDS, {}, 16)
    assert {id: after[id] for id in before} == before
    assert assign(reversed(IDS), {}, 16) == after
    assert set(after.values()) == set(range(1, 17))


def test_recorded_costs_balance_the_shards_and_adding_one_pair_moves_few() -> None:
    costs = heavy_tailed(IDS)
    assigned = assign(IDS, costs, 16)
    loads = [sum(costs[id] for id in IDS if assigned[id] == number) for number in range(1, 17)]
    mean = sum(loads) / 16
    assert max(loads) <= max(1.1 * mean, max(costs.values())) + 1e-6
    by_hash = assign(IDS, {}, 16)
    unbalanced = [sum(costs[id] for id in IDS if by_hash[id] == number) for number in range(1, 17)]
    assert max(loads) < max(unbalanced)
    more = assign([*IDS, "new"], costs | {"new": 9.0}, 16)
    assert sum(more[id] != assigned[id] for id in IDS) <= len(IDS) // 50


def test_costs_come_from_facts_or_from_an_earlier_execution(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)])
    assert recorded_costs(dataset) == {}
    write_rows(dataset / FACTS, [{"pair_id": "a", "seconds": 1.5, "mutation_seconds": None}])
    assert recorded_costs(dataset) == {"a": 4.5}
    rows = [
        {"pair_id": "b", "build_seconds": 2.0, "run_seconds": 1.0, "mutation_seconds": None},
        {"pair_id": "b", "build_seconds": 2.0, "run_seconds": 1.0, "mutation_seconds": 4.0},
    ]
    write_rows(tmp_path / "executions.parquet", rows)
    assert recorded_costs(dataset, tmp_path / "executions.parquet") == {"b": 10.0}
    plain, costed = (
        ShardPlan.of(dataset, Shard(1, 2), path) for path in (None, tmp_path / "executions.parquet")
    )
    assert plain.identity["costs"] != costed.identity["costs"]
    out, costs = tmp_path / "part-1", tmp_path / "executions.parquet"
    shared = ["--dataset", str(dataset), "--shard", "1/1", "--shard-costs", str(costs), "--out", str(out)]
    words = ["generate", "--model", "baseline/empty", str(dataset), *shared[2:]]
    result = CliRunner().invoke(app, words)
    expected = shlex.join(["goutbench", "execute", str(out / CANDIDATES), *shared])
    assert result.stdout.endswith(f"next: {expected}\n"), result.output


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2", "١/٤"])
def test_a_text_that_is_not_a_shard_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="not a shard"):
        Shard.parse(text)


def test_a_folder_of_one_shard_is_not_resumed_as_another(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)])
    plan, out = ShardPlan.of(dataset, Shard(1, 2)), tmp_path / "run"
    claim(out, plan, "execute", {"options": {"repeat": 3}}, ["b", "a"])
    claim(out, plan, "execute", {"options": {"repeat": 3}}, ["c", "b", "a"])
    record = read_shard(out)
    assert record is not None
    assert list(record.stages["execute"].units) == ["a", "b", "c"]
    with pytest.raises(ConfigError, match=r"shard is 2/2 and was 1/2") as caught:
        claim(out, ShardPlan.of(dataset, Shard(2, 2)), "execute", {}, [])
    assert "give another --out" in str(caught.value)
    with pytest.raises(ConfigError, match="dataset is 0 and was"):
        claim(out, replace(plan, dataset="0"), "execute", {}, [])
    with pytest.raises(ConfigError, match="the folder has the shard 1/2"):
        claim(out, None, "execute", {}, [])
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "executions.jsonl").touch()
    with pytest.raises(ConfigError, match="a run without shards: executions"):
        claim(tmp_path / "plain", plan, "execute", {}, [])
    (out / "shard.json").write_text("{}")
    with pytest.raises(DatasetError, match="unreadable"):
        read_shard(out)
