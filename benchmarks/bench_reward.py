"""The reward as a service: rollouts per minute, waiting, and how long the event loop is blocked.

    bench_reward.py --dataset DIR --repos DIR --path FILE [--samples 8] [--rounds 3] [--mutants 20]
        [--workers 2] [--work DIR]

One task, the pair whose focal file has the path FILE, with so many samples at once: its reference test, which
passes, with a different constant in each. So all of them reach every rung, which few samples of a model do.
An uncounted first round opens the session and warms the caches. CPU seconds are those of this process and of
its child processes. The event loop is asked to wake every 2 ms; a block is the time by which it is late,
beside the control of an idle loop on the same machine.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from bench_copies import children_cpu

from goutbench.dataset.store import read_pairs
from goutbench.execute.inputs import read_settings, read_sources
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.reward import RewardSession, Score
from goutbench.records import Pair

TICK = 0.002


@dataclass
class Blocks:
    """How late the event loop was, in seconds, and how much CPU time its thread used between two wakes."""

    late: list[float] = field(default_factory=lambda: [0.0])
    busy: list[float] = field(default_factory=lambda: [0.0])

    async def watch(self) -> None:
        while True:
            wall, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK)
            self.late.append(time.monotonic() - wall - TICK)
            self.busy.append(time.thread_time() - cpu)

    def __str__(self) -> str:
        late, busy = 1000 * max(self.late), 1000 * max(self.busy)
        often = 1000 * statistics.quantiles(self.late, n=1000)[-1] if len(self.late) > 1 else 0.0
        return f"late by at most {late:.1f} ms (99.9%: {often:.1f}), busy for at most {busy:.1f} ms"


async def watched(work: Awaitable[list[Score | None]], blocks: Blocks) -> list[Score | None]:
    watch = asyncio.create_task(blocks.watch())
    try:
        return await work
    finally:
        watch.cancel()


async def idle(seconds: float, blocks: Blocks) -> None:
    async def nothing() -> list[Score | None]:
        await asyncio.sleep(seconds)
        return []

    await watched(nothing(), blocks)


def samples(pair: Pair, count: int, salt: int) -> list[str]:
    """Different replies that are worth the same."""
    return [f"```go\n{pair.test}\n\nconst sample{salt}x{number} = {number}\n```" for number in range(count)]


@dataclass
class Result:
    """The groups of one variant: wall and CPU seconds of each, and their scores."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    scores: list[Score | None] = field(default_factory=list)
    blocks: Blocks = field(default_factory=Blocks)


async def group(session: RewardSession, pair: Pair, texts: list[str], result: Result) -> None:
    """Score a group of samples, as a step of GRPO does."""
    wall, cpu = time.monotonic(), children_cpu() + time.process_time()
    work = asyncio.gather(*(session.score(text, pair.id) for text in texts))
    scores = await watched(work, result.blocks)
    result.walls.append(time.monotonic() - wall)
    result.cpus.append(children_cpu() + time.process_time() - cpu)
    result.scores += scores


async def measure(arguments: argparse.Namespace, pair: Pair) -> dict[str, Result]:
    options = {"without mutants": None, f"{arguments.mutants} mutants": arguments.mutants}
    results = {name: Result() for name in options}
    for name, mutants in options.items():
        async with RewardSession(
            {pair.id: pair}, repositories=arguments.repos, sources=read_sources(arguments.dataset),
            settings=read_settings(arguments.dataset), workers=arguments.workers, work=arguments.work,
            options=ExecuteOptions(repeat=1, mutants=mutants),
        ) as session:  # fmt: skip
            for number in range(arguments.rounds + 1):
                result = results[name] if number else Result()
                salt = number + (1000 if mutants else 0) + int(time.time())
                await group(session, pair, samples(pair, arguments.samples, salt), result)
            print(f"{name}, left out: {dict(session.omitted) or 'none'}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--repos", type=Path, default=Path("repositories"))
    parser.add_argument("--path", required=True)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    pair = next(pair for pair in read_pairs(arguments.dataset) if pair.code_path == arguments.path)
    control = Blocks()
    asyncio.run(idle(5.0, control))
    print(f"an idle event loop: {control}")
    for name, result in asyncio.run(measure(arguments, pair)).items():
        scores = [score for score in result.scores if score is not None]
        wall, cpu = statistics.median(result.walls), statistics.median(result.cpus) / arguments.samples
        waited = sum(score.waited_seconds for score in scores)
        whole = waited + sum(score.seconds for score in scores)
        print(
            f"{name}: {60 * arguments.samples / wall:.0f} rollouts per minute ({wall:.1f} s for a group), "
            f"{cpu:.2f} CPU s each ({60 * arguments.workers / cpu:.0f} per minute by CPU time), "
            f"mean reward {statistics.mean(score.reward for score in scores):.3f}, "
            f"{waited / whole:.0%} of a rollout's time in the queue; {result.blocks}",
            flush=True,
        )


if __name__ == "__main__":
    main()
