"""Runs of made-up models on a small dataset, as `generate`, `execute` and `judge` would have left them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from goutbench.dataset.store import write_rows
from goutbench.execute.journal import write_table
from goutbench.records import Candidate, Completion, Execution, Match, Mutation, Pair, Prompt, Verdict

EVIL = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
Outcome = tuple[str, str, str]
"""Status, rung and reason of an execution."""

PASSED: Outcome = ("PASSED", "mutation", "")
UNDEFINED: Outcome = ("BUILD_FAILED", "syntax", "undefined")
ASSERTION: Outcome = ("TESTS_FAILED", "runs", "assertion")
NO_CODE: Outcome = ("NO_CODE", "none", "empty")


def write_run(
    folder: Path, model: str, pairs: Sequence[Pair], outcome: Callable[[int], Outcome], *, evil: str = ""
) -> Path:
    """A whole run folder: each pair's outcome by its number."""
    prompts, completions, candidates, executions = [], [], [], []
    for number, pair in enumerate(pairs):
        status, rung, reason = outcome(number)
        text = "" if status == "NO_CODE" else f"{pair.test}\n// by {model} {evil}\n"
        messages = (("system", "Write tests."), ("user", f"Of {pair.code_path} {evil}"))
        prompts.append(Prompt(f"p{number}", pair.id, f"c{number}", (), "file-v1", "0" * 64, messages, 10))
        error = "" if text else "model-error"
        completions.append(
            Completion(
                f"{model}-{number}",
                f"p{number}",
                pair.id,
                model,
                0,
                0,
                text,
                "stop",
                error,
                "",
                1,
                1,
                0.1,
                None,
            )
        )
        key = f"{model}{number}"
        candidates.append(Candidate(key, pair.id, model, (f"{model}-{number}",), text, "p", "merge", ()))
        executions.append(execution(key, pair, model, status, rung, reason))
    write_rows(
        folder / "prompts.parquet",
        [
            {**asdict(p), "messages": [{"role": role, "content": words} for role, words in p.messages]}
            for p in prompts
        ],
    )
    write_rows(folder / "completions.parquet", [asdict(each) for each in completions])
    write_rows(folder / "candidates.parquet", [asdict(each) for each in candidates])
    write_table(folder / "executions.parquet", executions)
    return folder


def execution(key: str, pair: Pair, model: str, status: str, rung: str, reason: str) -> Execution:
    """A record as `execute` leaves it."""
    passed = status == "PASSED"
    ran = rung in ("runs", "mutation")
    mutation = Mutation(4, 3, 1, 0, 0, 0, 0.75, 0.75, 0.75, survivors=("4.40 arithmetic: * → /",))
    return Execution(
        id=f"e{key}", candidate_id=key, pair_id=pair.id, model=model, status=status, rung=rung, reason=reason,
        evidence="" if passed else f"f_test.go:6: {reason}", declared=("TestIt",) if ran else (),
        passed=("TestIt",) if passed else (), failed=() if passed or not ran else ("TestIt",), skipped=(),
        flaky=(), statements=2 if ran else 0, covered=1 if ran else 0, mutation=mutation if passed else None,
        repeats=3 if passed else 1, gate_seconds=0.01, build_seconds=0.1, run_seconds=0.1, siblings="all",
        toolchain="go1.26", sandbox="bubblewrap", uncovered=("4.35-4.48",) if ran else (),
    )  # fmt: skip


def write_judgement(
    folder: Path, pairs: Sequence[Pair], a: str, b: str, outcome: Callable[[int], str]
) -> Path:
    """A judge's folder, two orders each."""
    matches, verdicts = [], []
    for number, pair in enumerate(pairs):
        matches.append(
            Match(
                f"m{number}",
                pair.id,
                pair.repository,
                (),
                0,
                a,
                b,
                f"{a}{number}",
                f"{b}{number}",
                "strict",
                "both-orders",
                outcome(number),
                "",
            )
        )
        choice = {"win": "b", "loss": "a", "tie": "tie"}.get(outcome(number), "")
        for order in ("ab", "ba"):
            verdicts.append(
                Verdict(
                    f"v{number}{order}",
                    f"m{number}",
                    "strict",
                    order,
                    "0" * 64,
                    choice,
                    None,
                    None,
                    "The second checks the result.",
                    "{}",
                    "",
                    1,
                    1,
                    0.1,
                )
            )
    write_rows(folder / "matches.parquet", [asdict(each) for each in matches])
    write_rows(folder / "verdicts.parquet", [asdict(each) for each in verdicts])
    return folder
