"""Two nodes of a real Ray cluster on this machine: the same results, also when workers and nodes die."""

import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from spread_work import Opener, lost, refuse, square

from goutbench.dedup import fingerprint
from goutbench.errors import ConfigError, GoutbenchError, ToolError
from goutbench.parallel import Crew, PerWorker, map_items
from goutbench.parallel.cluster import connected, on_all_nodes

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes with one worker each; goutbench and the tests' helpers are importable there."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # Ray's workers do not get what pytest added
    # beside other work, workers would hardly start
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray's own name
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "memory": 2 << 30, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.second = cluster.add_node(**node)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def test_work_is_done_on_both_nodes_survives_poison_and_a_lost_node(cluster: Any, tmp_path: Any) -> None:
    crews: list[Crew] = []
    runner = f"ray:{cluster.address}"
    work = PerWorker(Opener(tmp_path).open)
    yielded: list[int] = []

    def items() -> Iterator[int]:
        """Work until both nodes have joined, and then some that kills."""
        for item in itertools.count(1000):
            if any(crew.nodes == 2 for crew in crews):
                break
            yielded.append(item)
            yield item
        yielded.extend([1, 2, -7, 100, 3])
        yield from yielded[-5:]

    seen = []
    for result in map_items(
        work, items(), workers=2, runner=runner, lost=lost, on_crew=crews.append, affinity=str
    ):
        seen.append(result)
        if crews[-1].nodes == 2 and cluster.second is not None:
            cluster.remove_node(cluster.second)
            cluster.second = None
    assert sorted(item for item, _, _ in seen) == sorted(yielded)
    assert [item for item, worker, _ in seen if worker == -1] == [-7]
    assert {worker for _, worker, _ in seen} == {-1, 0, 1}

    messages: list[str] = []
    assert sorted(map_items(square, [2, 3], runner=runner, on_progress=messages.append)) == [4, 9]
    assert sorted(messages) == ["squaring 2", "squaring 3"]
    with pytest.raises(ConfigError, match="no 5") as caught:
        list(map_items(refuse, [5], runner=runner))
    assert caught.value.hint == "another one"
    with pytest.raises(GoutbenchError, match="killed 3 times"):
        list(map_items(work, [-1], runner=runner))

    texts = ["package p\n\nfunc f() int { return 1 }", "package p\n\nfunc g() int { return 2 }"]
    here, there = fingerprint(texts), fingerprint(texts, runner=runner)
    assert (here.exact, here.normalised, here.renamed) == (there.exact, there.normalised, there.renamed)

    pids = on_all_nodes(os.getpid, cluster.address)
    assert len(pids) == 1
    assert all(isinstance(pid, int) and pid != os.getpid() for pid in pids.values())


def test_without_a_cluster_there_is_an_error_with_a_hint() -> None:
    with pytest.raises(ToolError, match="no cluster") as caught, connected("127.0.0.1:1"):
        pass
    assert "ray start --head" in caught.value.hint
