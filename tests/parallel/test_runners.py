"""Every runner does the same work: each item once, messages, errors, and workers that die."""

import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from spread_work import Opener, lost, refuse, slow_square, square

from goutbench.errors import ConfigError, GoutbenchError
from goutbench.parallel import PerWorker, map_items
from goutbench.parallel.work import Backlog

LOCAL = ("serial", "threads", "processes")


@pytest.mark.parametrize("runner", LOCAL)
def test_each_item_has_one_result_and_its_messages_arrive(runner: str) -> None:
    messages: list[str] = []
    results = map_items(square, range(7), workers=2, runner=runner, on_progress=messages.append)
    assert sorted(results) == [0, 1, 4, 9, 16, 25, 36]
    assert sorted(messages) == [f"squaring {number}" for number in range(7)]


@pytest.mark.parametrize("runner", LOCAL)
def test_an_error_ends_the_run_with_its_hint(runner: str) -> None:
    with pytest.raises(ConfigError, match="no 1") as caught:
        list(map_items(refuse, [1], workers=1, runner=runner))
    assert caught.value.hint == "another one"


@pytest.mark.parametrize("runner", LOCAL)
def test_items_are_taken_as_workers_need_them(runner: str) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = map_items(slow_square, endless(), workers=2, runner=runner)
    assert len(list(itertools.islice(results, 5))) == 5
    assert taken <= 5 + 2 + 1
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("runner", LOCAL)
def test_a_worker_opens_once_for_all_its_items_and_closes_at_the_end(runner: str, tmp_path: Path) -> None:
    work = PerWorker(Opener(tmp_path).open)
    results = list(map_items(work, range(10), workers=2, runner=runner))
    assert sorted(item for item, _, _ in results) == list(range(10))
    opened, closed = (
        sorted(path.name.partition("-")[2] for path in tmp_path.glob(f"{name}-*"))
        for name in ("opened", "closed")
    )
    assert opened == closed
    assert {name.partition("-")[0] for name in opened} == {str(worker) for _, worker, _ in results}
    assert ({pid for _, _, pid in results} == {os.getpid()}) == (runner != "processes")


def test_an_item_that_kills_its_workers_is_recorded_and_the_others_are_done(tmp_path: Path) -> None:
    work = PerWorker(Opener(tmp_path).open)
    results = map_items(work, [1, -7, 2, 100, 3], workers=2, runner="processes", lost=lost)
    workers = {item: worker for item, worker, _ in results}
    assert workers.keys() == {1, 2, 3, 100, -7}
    assert [item for item, worker in workers.items() if worker == -1] == [-7]
    starts = Counter(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert starts["opened"] <= 2 + 3 + 1  # two workers, and a successor for each death
    with pytest.raises(GoutbenchError, match="killed 3 times by the same item"):
        list(map_items(work, [-1], workers=1, runner="processes"))


def run_script(path: Path, text: str) -> "subprocess.CompletedProcess[str]":
    path.write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(path)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    done = run_script(
        tmp_path / "script.py",
        "from goutbench.parallel import map_items\n"
        "from spread_work import square\n"
        "print(sorted(map_items(square, [2, 3], workers=2)), __file__)\n",
    )
    assert (done.stdout, done.stderr) == (f"[4, 9] {tmp_path / 'script.py'}\n", "")


def test_a_worker_that_cannot_start_is_not_one_that_was_killed(tmp_path: Path) -> None:
    done = run_script(
        tmp_path / "script.py",
        "from goutbench.parallel import map_items\n"
        "def own(item): return item\n"
        "print(list(map_items(own, [2, 3], workers=2)))\n",
    )
    assert done.returncode == 1
    assert "Can't get attribute 'own'" in done.stderr
    assert "a worker process cannot start: it ended with exit code 1" in done.stderr
    assert "killed" not in done.stderr


def test_a_node_prefers_the_group_that_it_had_and_takes_any_rather_than_wait() -> None:
    backlog = Backlog(["a1", "b1", "a2", "b2", "a3", "a4"], lambda item: item[0], ahead=10)

    def take(node: str) -> str:
        entry = backlog.take(node)
        assert entry is not None
        return entry.item

    assert [take("x"), take("y"), take("x"), take("y")] == ["a1", "b1", "a2", "b2"]
    assert take("y") == "a3"  # its own group has ended
    assert take("x") == "a4"
    assert backlog.take("x") is None
    assert backlog.taken == {"warm": 3, "cold": 3}


def test_an_item_that_is_put_back_comes_first_and_nothing_is_taken_ahead_without_groups() -> None:
    items = iter(["a1", "a2", "b1"])
    backlog = Backlog(items, lambda item: item[0], ahead=1)
    first = backlog.take("x")
    assert first is not None
    backlog.put_back(first)
    assert [entry.item for entry in (backlog.take("x"), backlog.take("y")) if entry] == ["a1", "b1"]

    numbers = iter(range(5))
    plain = Backlog(numbers, None, ahead=3)
    assert [entry.item for entry in (plain.take("x"), plain.take("y")) if entry] == [0, 1]
    assert next(numbers) == 2


def test_without_the_extra_a_cluster_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="Ray is not installed") as caught:
        list(map_items(square, [1], runner="ray:auto"))
    assert "goutbench[ray]" in caught.value.hint
