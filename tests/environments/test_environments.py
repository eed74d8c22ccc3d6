"""Tasks and rewards for other frameworks: with each framework that is installed, in the real sandbox."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from calc_repository import calc_dataset, calc_repository
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
