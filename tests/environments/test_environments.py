"""Tasks and rewards for other frameworks: with each framework that is installed, in the real sandbox."""

import asyncio
import gc
import inspect
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from calc_repository import calc_dataset, calc_repository
from inspect_ai import eval as inspect_eval
from inspect_ai import list_tasks
from judging import with_inspect
from workfolder import shared_work

from goutbench.environments import read_tasks
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward import PARTS, RewardSession

GOOD = """```go
package calc

import "testing"

func TestSum(t *testing.T) {
	if got := Sum(3); got != 6 {
		t.Error(got)
	}
}
```"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environments")
    return calc_dataset(folder, calc_repository(folder))


@pytest.fixture(scope="module")
def session(dataset: Path) -> Iterator[RewardSession]:
    options = ExecuteOptions(repeat=1, mutants=None, test_seconds=8.0)
    repositories, work = dataset.parent / "repos", shared_work("environments")
    with RewardSession.of_dataset(dataset, repositories, options=options, workers=1, work=work) as session:
        yield session


@pytest.fixture
def inspect_tidied() -> Iterator[None]:
    """Collects the streams that Inspect leaves unclosed here, where their warnings are ignored."""
    yield
    gc.collect()


def test_a_task_has_a_prompt_and_what_its_reward_needs(dataset: Path) -> None:
    tasks = read_tasks(dataset)
    assert [task.focal for task in tasks] == [("Add",), ("Div",), ("Clamp",), ("Sum",)]
    row = tasks[3].row()
    assert (row["pair_id"], row["focal"]) == ("calc", ["Sum"])
    assert row["prompt"][0]["role"] == "system"
    assert "tests for `Sum`" in row["prompt"][-1]["content"]


def test_verifiers_scores_a_trace_and_does_not_score_an_infrastructure_error(dataset: Path) -> None:
    vf = pytest.importorskip("verifiers.v1")
    from goutbench.environments.verifiers import GoTestTaskset, GoTestTasksetConfig, open_session

    settings = {
        "dataset": dataset, "repositories": dataset.parent / "repos", "mutants": -1, "workers": 1,
        "work": shared_work("environments"),
    }  # fmt: skip
    tasks = list(GoTestTaskset(GoTestTasksetConfig(task=settings)))
    task = next(task for task in tasks if task.data.focal == ("Sum",))
    assert "tests for `Sum`" in task.data.prompt_text

    async def scored(task: object) -> object:
        agent = vf.AgentInfo(config=vf.AgentConfig(runtime=vf.SubprocessConfig()))
        of_task = vf.TraceTask(type="GoTestTask", data=task.data)
        trace = vf.Trace(task=of_task, agent=agent, root_reply=GOOD)
        await task.score(trace)
        return trace

    try:
        trace = asyncio.run(scored(task))
        assert trace.reward == pytest.approx(0.75)
        assert trace.metrics == {**dict.fromkeys(PARTS, 1.0), "mutation": 0.0, "cost": trace.metrics["cost"]}
        with pytest.raises(vf.TaskError, match="no pair has the id other"):
            asyncio.run(scored(task.with_data(pair_id="other")))
    finally:
        open_session(task.config).close()


def test_openenv_serves_a_prompt_and_scores_the_reply(session: RewardSession, dataset: Path) -> None:
    pytest.importorskip("openenv.core")
    import uvicorn
    from openenv.core import GenericEnvClient

    from goutbench.environments.openenv import create_server

    server = uvicorn.Server(
        uvicorn.Config(create_server(session, read_tasks(dataset)), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        (port,) = {socket.getsockname()[1] for one in server.servers for socket in one.sockets}
        with GenericEnvClient(base_url=f"http://127.0.0.1:{port}").sync() as client:
            start = client.reset(index=3)
            assert start.observation["focal"] == ["Sum"]
            assert "tests for `Sum`" in start.observation["messages"][-1]["content"]
            end = client.step({"reply": GOOD})
            assert (end.reward, end.done) == (pytest.approx(0.75), True)
            assert end.observation["parts"]["coverage"] == 1.0
            assert client.state()["step_count"] == 1
    finally:
        server.should_exit = True
        thread.join()


@with_inspect
def test_inspect_scores_a_reply_by_pass_coverage_and_mutants(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("environments")))
    script = tmp_path / "script.jsonl"
    replies = ({"contains": "tests for `Sum`", "reply": GOOD}, {"contains": "", "reply": "no"})
    script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    repos = str(dataset.parent / "repos")
    (log,) = inspect_eval(
        "goutbench/unit_tests", model=f"scripted/{script}", log_dir=str(tmp_path), display="none",
        task_args={"dataset": str(dataset), "repos": repos, "unit": "function", "mutants": 10},
    )  # fmt: skip
    assert log.status == "success", log.error
    assert log.results is not None
    means = {score.name: score.metrics["mean"].value for score in log.results.scores}
    assert means["pass"] == 0.25
    assert means["coverage"] == 0.25
    assert 0.1 < means["mutation_score"] <= 0.25
    scores = [sample.scores["ladder"] for sample in log.samples or () if sample.scores]
    assert sorted(str(score.metadata and score.metadata["status"]) for score in scores)[-1] == "PASSED"


@with_inspect
def test_an_infrastructure_error_counts_in_no_mean_of_inspect(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("environments")))
    (tmp_path / "repos").mkdir()
    (log,) = inspect_eval(
        "goutbench/unit_tests", model="scripted/echo", log_dir=str(tmp_path), display="none",
        task_args={"dataset": str(dataset), "repos": str(tmp_path / "repos")},
    )  # fmt: skip
    assert log.status == "success", log.error
    (sample,) = log.samples or ()
    (score,) = (sample.scores or {}).values()
    assert "infrastructure error" in str(score.explanation)
    assert log.results is not None
    assert {score.scored_samples for score in log.results.scores} == {0}


def test_inspect_lists_the_tasks() -> None:
    """A task without an underscore in its file's name, and with `dataset` as its only required argument."""
    from goutbench.environments import inspect_tasks

    (_, task) = list_tasks("goutbench", root_dir=Path(inspect_tasks.__file__).parents[2])
    assert task.name == "unit_tests"
    signature = inspect.signature(inspect_tasks.unit_tests)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert [p.name for p in parameters if p.default is p.empty] == ["dataset"]
