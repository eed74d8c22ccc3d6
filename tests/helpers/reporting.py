"""Runs of invented models on a small dataset, as `generate`, `execute` and `judge` write them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from goutbench.dataset.store import write_rows
from goutbench.execute.journal import write_table
from goutbench.records import (
    Candidate,
    Completion,
    Execution,
    Match,
    MutantStatus,
    MutantVerdict,
    Mutation,
    Pair,
    Prompt,
    Rung,
    Status,
    Verdict,
)

EVIL = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
Outcome = tuple[Status, Rung, str]
"""Status, rung and reason of an execution."""

PASSED: Outcome = (Status.PASSED, Rung.MUTATION, "")
UNDEFINED: Outcome = (Status.BUILD_FAILED, Rung.SYNTAX, "undefined")
ASSERTION: Outcome = (Status.TESTS_FAILED, Rung.RUNS, "assertion")
NO_CODE: Outcome = (Status.NO_CODE, Rung.NONE, "empty")
INFRA: Outcome = (Status.INFRA_FAILURE, Rung.NONE, "no-source")


def write_run(
    folder: Path, model: str, pairs: Sequence[Pair], outcome: Callable[[int], Outcome], *, evil: str = ""
) -> Path:
    """A run folder with one sample per item: each pair's outcome by its number."""
    return write_samples(folder, model, pairs, lambda number, _: outcome(number), samples=1, evil=evil)


def write_samples(
    folder: Path,
    model: str,
    pairs: Sequence[Pair],
    outcome: Callable[[int, int], Outcome],
    *,
    samples: int,
    evil: str = "",
) -> Path:
    """A run folder with several samples per item: the outcome by the numbers of pair and sample."""
    prompts, completions, candidates, executions = [], [], [], []
    for number, pair in enumerate(pairs):
        messages = (("system", "Write tests."), ("user", f"Of {pair.code_path} {evil}"))
        prompts.append(Prompt(f"p{number}", pair.id, f"c{number}", (), "file-v1", "0" * 64, messages, 10))
        for sample in range(samples):
            key = f"{model}{number}" + (f"-{sample}" if sample else "")
            status, rung, reason = outcome(number, sample)
            text = "" if status == Status.NO_CODE else f"{pair.test}\n// by {model} {evil}\n"
            completion = Completion(
                id=f"c-{key}", prompt_id=f"p{number}", pair_id=pair.id, model=model, sample=sample, round=0,
                text=text, stop="stop", error="" if text else "model-error", detail="", input_tokens=1200,
                output_tokens=34, seconds=0.5, cost=0.25,
            )  # fmt: skip
            completions.append(completion)
            candidates.append(
                Candidate(key, pair.id, model, (completion.id,), text, "p", "merge", (), sample=sample)
            )
            executions.append(execution(key, pair, model, status, rung, reason, evil=evil))
    write_rows(
        folder / "prompts.parquet",
        [
            {**asdict(p), "messages": [{"role": role, "content": text} for role, text in p.messages]}
            for p in prompts
        ],
    )
    write_rows(folder / "completions.parquet", [asdict(completion) for completion in completions])
    write_rows(folder / "candidates.parquet", [asdict(candidate) for candidate in candidates])
    write_table(folder / "executions.parquet", executions)
    return folder


def execution(
    key: str, pair: Pair, model: str, status: Status, rung: Rung, reason: str, *, evil: str = ""
) -> Execution:
    """A record as `execute` writes it. Mutants of the reference have no verdicts, as in earlier versions."""
    passed = status == Status.PASSED
    ran = rung in (Rung.RUNS, Rung.MUTATION)
    mutation = Mutation(
        4, 3, 1, 0, 0, 0, 0.75, 0.75, 0.75, survivors=("4.40 arithmetic: * → /",),
        mutants=() if model == "reference" else _mutants(pair, evil),
    )  # fmt: skip
    return Execution(
        id=f"e{key}", candidate_id=key, pair_id=pair.id, model=model, status=status, rung=rung, reason=reason,
        evidence="" if passed else f"./{pair.test_path}:6:2: {reason} {evil}".rstrip(),
        declared=("TestIt",) if ran else (), passed=("TestIt",) if passed else (),
        failed=() if passed or not ran else ("TestIt",), skipped=(),
        flaky=(), statements=2 if ran else 0, covered=1 if ran else 0, mutation=mutation if passed else None,
        repeats=3 if passed else 1, gate_seconds=0.01, build_seconds=0.1, run_seconds=0.1, siblings="all",
        toolchain="go1.26", sandbox="bubblewrap", uncovered=("4.26-4.42",) if ran else (),
        branches=4 if ran else None, branches_covered=1 if ran else None,
        uncovered_branches=("4.5 if a: false",) if ran else (),
    )  # fmt: skip


def _mutants(pair: Pair, evil: str) -> tuple[MutantVerdict, ...]:
    """Four mutants of the function in line 4; the third survives."""
    line = pair.code.splitlines()[3]
    changes = (("{", ""), ("return", "panic"), ("*", "/"), ("x }", "0 }"))
    mutants = []
    for number, (before, after) in enumerate(changes, 1):
        start = line.index(before) + 1
        survives = before == "*"
        mutants.append(
            MutantVerdict(
                number, f"4.{start}-4.{start + len(before)}", "Double", "literal", before, after + evil,
                MutantStatus.SURVIVED if survives else MutantStatus.KILLED,
                "" if survives else f"TestIt{evil}",
            )
        )  # fmt: skip
    return tuple(mutants)


def write_judgement(
    folder: Path,
    pairs: Sequence[Pair],
    a: str,
    b: str,
    outcome: Callable[[int], str],
    *,
    samples: int = 1,
) -> Path:
    """A judge's folder, with two orders for each match: each pair's outcome by its number."""
    matches, verdicts = [], []
    for number, pair in enumerate(pairs):
        choice = {"win": "b", "loss": "a", "tie": "tie"}.get(outcome(number), "")
        for sample in range(samples):
            suffix = f"{number}" + (f"-{sample}" if sample else "")
            match = Match(
                f"m{suffix}", pair.id, pair.repository, (), sample, a, b, f"{a}{suffix}", f"{b}{suffix}",
                "strict", "both-orders", outcome(number), "",
            )  # fmt: skip
            matches.append(match)
            for order in ("ab", "ba"):
                verdict = Verdict(
                    f"v{suffix}{order}", match.id, "strict", order, "0" * 64, choice, None, None,
                    "The second checks the result.", "{}", "", 1, 1, 0.1,
                )  # fmt: skip
                verdicts.append(verdict)
    write_rows(folder / "matches.parquet", [asdict(match) for match in matches])
    write_rows(folder / "verdicts.parquet", [asdict(verdict) for verdict in verdicts])
    return folder
