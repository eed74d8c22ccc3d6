"""A repository with a history that every kind of task needs, as a dataset, and the commands on it."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from judging import make_pair, write_dataset
from typer.testing import CliRunner
from workfolder import shared_work

from goutbench.cli import app
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import write_rows
from goutbench.tasks.score import TaskResult

CODE = """package calc

func Clamp(x, low, high int) int {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}

func Larger(a, b int) int {
	if a < b {
		return b
	}
	return a
}

func Sign(x int) int {
	if x < 0 {
		return -1
	}
	if x > 0 {
		return 1
	}
	return 0
}
"""
TEST = """package calc

import "testing"

func TestClamp(t *testing.T) {
	if Clamp(0, 1, 3) != 1 || Clamp(2, 1, 3) != 2 || Clamp(4, 1, 3) != 3 {
		t.Error("outside")
	}
}

func TestLarger(t *testing.T) {
	if Larger(1, 2) != 2 || Larger(2, 1) != 2 {
		t.Error("not the larger one")
	}
}

func TestSign(t *testing.T) {
	if Sign(-3) != -1 || Sign(0) != 0 || Sign(3) != 1 {
		t.Error("another sign")
	}
}
"""
BUGGY = CODE.replace("return high", "return low")
TEST_BEFORE = TEST.replace(" || Clamp(4, 1, 3) != 3", "")
FIRST = datetime(2020, 5, 1, tzinfo=UTC)
OLDEST = {
    "calc.go": BUGGY.replace("func Larger", "func Max"),
    "calc_test.go": TEST_BEFORE.replace("Larger(", "Max("),
}
ADDING = TEST[TEST.index("func TestLarger") : TEST.index("func TestSign")]
REPRODUCING = TEST[: TEST.index("func TestLarger")]


@dataclass(frozen=True)
class Workbench:
    """A dataset of one pair with its repository, and the commands on it."""

    folder: Path
    repositories: Path

    def run(self, *arguments: str | Path) -> str:
        result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def execution(self) -> tuple[str | Path, ...]:
        return (
            "--repos",
            self.repositories,
            "--work",
            shared_work("kinds"),
            "--repeat",
            "2",
            "--workers",
            "1",
        )

    def tasks(self, kind: str) -> Path:
        out = self.folder / kind
        if not out.exists():
            limits = ("--min-killed", "3", "--seed", "1")
            self.run(
                "tasks", self.folder / "dataset", "--kind", kind, "--out", out, *limits, *self.execution()
            )
        return out

    def results(self, kind: str, *models: str | Sequence[str]) -> dict[str, TaskResult]:
        """The results of baselines, and of models that give a reply, by their names."""
        tasks, results = self.tasks(kind), {}
        dataset = tasks / "dataset" if kind == "reproduce" else self.folder / "dataset"
        for number, model in enumerate(models):
            out = self.folder / f"run-{kind}-{number}"
            name = model if isinstance(model, str) else f"scripted/{self.script(out, *model)}"
            self.run("generate", dataset, "--tasks", tasks, "--model", name, "--out", out)
            answers = out / "candidates.parquet"
            self.run(
                "execute", answers, "--dataset", dataset, "--tasks", tasks, "--out", out, "--mutants", "60",
                *self.execution(),
            )  # fmt: skip
            (result,) = read_records(out / "task_results.parquet", TaskResult)
            results[model if isinstance(model, str) else model[0]] = result
        return results

    def script(self, out: Path, name: str, code: str) -> Path:
        path = out.with_name(f"{out.name}-{name}.jsonl")
        path.write_text(json.dumps({"contains": "", "reply": f"```go\n{code}```"}) + "\n")
        return path


def make_workbench(folder: Path) -> Workbench:
    """Write the repository and its dataset."""
    work = folder / "repos" / "example" / "calc"
    work.mkdir(parents=True)

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        return subprocess.run(command, cwd=work, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for message, files in (
        ("begin", {"go.mod": "module example.test/calc\n\ngo 1.21\n", **OLDEST}),
        ("Max is Larger", {"calc.go": BUGGY, "calc_test.go": TEST_BEFORE}),
        ("Fix Clamp above the range\n\nIt was low.", {"calc.go": CODE, "calc_test.go": TEST}),
    ):
        for name, text in files.items():
            (work / name).write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", message)
    pair = replace(
        make_pair(0), id="calc", repository="example/calc", revision=git("rev-parse", "HEAD"), package="calc",
        code=CODE, test=TEST, code_path="calc.go", test_path="calc_test.go",
        code_first_date=FIRST, code_last_date=FIRST,
    )  # fmt: skip
    dataset = write_dataset(folder / "dataset", [pair])
    write_rows(dataset / "splits" / "leakfree.parquet", [{"pair_id": "calc", "group": "g", "split": "test"}])
    return Workbench(folder, folder / "repos")
