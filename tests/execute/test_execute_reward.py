"""The reward, from completions through assembly and the real sandbox: better tests get higher rewards."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from calc_repository import calc_repository, repository_pair
from judging import make_pair
from reporting import execution

from goutbench.errors import ConfigError, GoutbenchError, ToolError
from goutbench.execute import ExecuteOptions
from goutbench.execute.machine import Machine
from goutbench.execute.pool import WorkerPool
from goutbench.execute.reward import (
    PARTS,
    RewardSession,
    part_weights,
    parts_of,
    reward_functions,
    reward_of,
)
from goutbench.records import Execution, Mutation, Rung, Status

OPTIONS = ExecuteOptions(repeat=1, mutants=0, test_seconds=8.0, memory_mib=512, build_seconds=60.0)
GOOD = """func TestSum(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 3: 6, -2: 0} {
		if got := Sum(n); got != want {
			t.Errorf("Sum(%d) = %d", n, got)
		}
	}
}"""
# sees that mutants are run, and then fails also without one: no mutant can be tested
REFUSES_MUTANTS = """func TestSum(t *testing.T) {
	Sum(3)
	if flag.Lookup("test.failfast").Value.String() == "true" {
		t.Fatal("not with mutants")
	}
}"""
BODIES = {
    "kills mutants": GOOD,
    "only covers": "func TestSum(t *testing.T) { Sum(3) }",
    "tests nothing": "func TestSum(t *testing.T) {}",
    "refuses mutants": REFUSES_MUTANTS,
    "fails": "func TestSum(t *testing.T) { t.Fatal(Sum(3)) }",
    "fails vet": 'func TestSum(t *testing.T) { t.Errorf("%d", "x", Sum(3)) }',
    "does not build": "func TestSum(t *testing.T) { Summ(3) }",
    "no code": "",
}
SLEEPS = "func TestSum(t *testing.T) { Sum(3); time.Sleep(time.Minute) }"


def reply(body: str) -> str:
    imports = "".join(f'import "{name}"\n' for name in ("flag", "time") if f"{name}." in body)
    return f'```go\npackage calc\n\nimport "testing"\n{imports}\n{body}\n```' if body else "I cannot."


@pytest.fixture(scope="module")
def session(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RewardSession]:
    """For the module of tests/data/execute/calc, and for a pair whose repository is absent."""
    repositories = calc_repository(tmp_path_factory.mktemp("reward"))
    pair, root = repository_pair(repositories), machine.workspace.root
    pairs = {"calc": pair, "absent": replace(pair, id="absent", repository="example/absent")}
    with RewardSession(pairs, repositories=repositories, work=root, options=OPTIONS, workers=2) as session:
        yield session


def test_better_tests_get_higher_rewards_and_infrastructure_errors_none(session: RewardSession) -> None:
    total, *parts = reward_functions(session, ("total", *PARTS))
    texts = [*map(reply, BODIES.values()), reply(GOOD), reply(GOOD)]
    columns = {
        "prompts": [""] * len(texts),
        "completions": [[{"role": "assistant", "content": text}] for text in texts],
        "pair_id": ["calc"] * len(BODIES) + ["calc", "absent"],
        "focal": [["Sum"]] * len(texts),
    }

    async def rewards() -> list[list[float | None]]:
        return await asyncio.gather(*(function(**columns) for function in (total, *parts)))

    rows = asyncio.run(rewards())
    assert [row[-1] for row in rows] == [None] * 7
    assert session.omitted == {"no-source": 1}
    assert rows[0][-2] == rows[0][0]
    names = [function.__name__ for function in (total, *parts)]
    assert names == ["total_reward", *(f"{name}_reward" for name in PARTS)]

    worth = dict(zip(BODIES, rows[0], strict=False))
    assert worth["kills mutants"] > worth["only covers"] > worth["tests nothing"] > worth["fails"]
    assert worth["fails"] > worth["fails vet"] >= worth["does not build"] > worth["no code"] == 0.0
    assert worth["refuses mutants"] == worth["tests nothing"] == 0.5
    assert worth["only covers"] == 0.55  # nine mutants, and coverage is worth one more
    build, vet, passes, coverage, mutation, cost = (dict(zip(BODIES, row, strict=False)) for row in rows[1:])
    low = {"fails vet": 0.75, "does not build": 0.25, "no code": 0.0}
    assert build == pytest.approx(dict.fromkeys(BODIES, 1.0) | low)
    assert {name for name in BODIES if vet[name]} == set(list(BODIES)[:5])
    assert passes["kills mutants"] == 1.0 > passes["fails"] == pytest.approx(1 / 3)
    assert coverage["only covers"] == 1.0 > coverage["fails"] == coverage["tests nothing"] == 0.0
    assert coverage["refuses mutants"] == 0.0
    assert mutation["kills mutants"] > mutation["only covers"] == mutation["refuses mutants"] == 0.0
    assert all(0.0 < cost[name] < 0.1 for name in list(BODIES)[:5])

    assert session.submit(reply(GOOD), "calc", ["Sum"]) is session.submit(texts[0], "calc", ["Sum"])
    assert session.submit(reply(GOOD), "calc") is not session.submit(reply(GOOD), "calc", ["Sum"])
    same = reward_functions(session, ("total",), asynchronous=False)[0]
    assert same(**columns) == rows[0]  # without an event loop, and from what is cached
    with pytest.raises(ConfigError, match="no pair has the id other"):
        asyncio.run(session.score("", "other"))
    with pytest.raises(ConfigError, match="no part of the reward is named 'speed'"):
        reward_functions(session, ("speed",))


def test_over_its_time_a_rollout_fails_only_if_its_own_runs_took_it(
    session: RewardSession, machine: Machine
) -> None:
    async def of(limit: float, body: str) -> tuple[Execution | None, dict[str, int]]:
        async with RewardSession(
            session.pairs, repositories=session.repositories, work=machine.workspace.root, options=OPTIONS,
            workers=1, limit_seconds=limit,
        ) as timed:  # fmt: skip
            score = await timed.score(reply(body), "calc", ("Sum",))
            return score and score.record, timed.omitted

    record, omitted = asyncio.run(of(6.0, SLEEPS))
    assert record is not None
    assert (record.status, record.rung, record.reason) == (Status.TIMED_OUT, Rung.BUILD, "rollout-overrun")
    assert not omitted
    record, omitted = asyncio.run(of(0.01, GOOD))
    assert record is None
    assert omitted == {"rollout-time": 1}


def test_whoever_waits_for_a_session_that_is_closed_gets_an_error_and_is_not_cancelled(
    tmp_path: Path,
) -> None:
    begun, released = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        begun.set()
        released.wait(60)

    async def waiting() -> list[object]:
        session = RewardSession({"calc": make_pair(0)}, repositories=tmp_path, workers=1)
        session._score = wait  # type: ignore[method-assign]
        scores = [asyncio.ensure_future(session.score(text, "calc")) for text in ("a", "b")]
        await asyncio.to_thread(begun.wait, 60)
        closing = asyncio.create_task(asyncio.to_thread(session.close))
        results = asyncio.gather(*scores, return_exceptions=True)
        await asyncio.sleep(0.1)
        released.set()
        await closing
        return await results

    first, second = asyncio.run(waiting())
    assert first is None
    assert isinstance(second, GoutbenchError)
    assert "the session was closed" in str(second)


def test_a_sandbox_that_does_not_work_is_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    checks = []

    def check(pool: WorkerPool) -> None:
        checks.append(pool)
        raise ToolError("the canary failed")

    monkeypatch.setattr(WorkerPool, "check", check)
    session = RewardSession({}, repositories=tmp_path, work=machine.workspace.root, workers=1)
    for _ in range(2):
        with pytest.raises(ToolError, match="the canary failed"):
            session.open()
    assert len(checks) == 1


@pytest.mark.parametrize(("killed", "tested"), [(1, 1), (1, 40), (20, 400), (400, 400)])
def test_a_mutant_more_is_worth_more_than_complete_coverage(killed: int, tested: int) -> None:
    checks = passing(killed, tested, covered=1)
    covers = passing(killed - 1, tested, covered=10)
    assert (reward_of(checks) or 0.0) >= (reward_of(covers) or 0.0)
    assert (reward_of(checks) or 0.0) > (reward_of(passing(killed - 1, tested, covered=9)) or 0.0)
    assert (reward_of(passing(tested, tested, covered=10)) or 0.0) == 1.0
    for option in (0, tested, 2 * tested):
        assert weighed(checks, option) >= weighed(covers, option) - 1e-12


@pytest.mark.parametrize("rung", Rung)
def test_the_weighed_parts_are_the_reward(rung: Rung) -> None:
    impossible = {Status.INFRA_FAILURE} | ({Status.PASSED} if not rung.reaches(Rung.PASS) else set())
    for status in set(Status) - impossible:
        record = replace(passing(3, 20, covered=7), status=status, rung=rung)
        assert weighed(record, 20) == pytest.approx(reward_of(record))
        without = replace(record, mutation=None)
        assert weighed(without, None) == pytest.approx(reward_of(without))
    assert parts_of(replace(record, status=Status.INFRA_FAILURE), 60.0) is None


def weighed(record: Execution, mutants: int | None) -> float:
    parts, weights = parts_of(record, 60.0), part_weights(mutants)
    assert parts is not None
    assert list(parts) == list(weights) == list(PARTS)
    assert all(0.0 <= value <= 1.0 for value in parts.values())
    return sum(weights[name] * parts[name] for name in PARTS)


def passing(killed: int, tested: int, *, covered: int) -> Execution:
    score = killed / tested
    mutation = Mutation(tested, killed, tested - killed, 0, 0, 0, score, score, score)
    record = execution("1", make_pair(0), "model", Status.PASSED, Rung.MUTATION, "")
    return replace(record, statements=10, covered=covered, focal_statements=0, mutation=mutation)
