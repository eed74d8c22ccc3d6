"""A dataset of four files whose repository is there, and two runs of scripted models, executed."""

import gc
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from shopruns import CODE, GROUPS, OPTIONS, SPLITS, STRONG, TESTS, WEAK
from toymodule import write
from workfolder import shared_work

from goutbench.dataset.store import to_table, write_table
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.generate.stage import generate
from goutbench.records import Pair, SplitAssignment


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("harvest") / "work"
    files = {f"{name}.go": f"package shop\n\n{code}" for name, code in CODE.items()}
    tests = {f"{name}_test.go": text for name, text in TESTS.items()}
    write(work, {"go.mod": "module example.com/shop\n\ngo 1.22\n", **files, **tests})
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    bare = work.parent / "repos" / "example__shop.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    return bare.parent


@pytest.fixture(scope="session")
def dataset(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split that a near-duplicate crosses, as in the scheme `paper`: level.go is like grade.go."""
    git = ["git", "--git-dir", str(repositories / "example__shop.git"), "rev-parse", "HEAD"]
    head = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    pairs = [
        replace(
            make_pair(0), id=name, repository="example/shop", revision=head, package="shop",
            code=f"package shop\n\n{code}", test=TESTS[name], code_path=f"{name}.go",
            test_path=f"{name}_test.go",
        )
        for name, code in CODE.items()
    ]  # fmt: skip
    folder = write_dataset(tmp_path_factory.mktemp("harvest-data") / "dataset", pairs)
    rows = [SplitAssignment(p.id, "paper", SPLITS[p.id], GROUPS[p.id], 1, 1.0) for p in pairs]
    write_table(to_table(rows, SplitAssignment), folder / "splits" / "paper.parquet")
    for split in ("train", "validation", "test"):
        part = [pair for pair in pairs if SPLITS[pair.id] == split]
        write_table(to_table(part, Pair), folder / "splits" / f"paper.{split}.parquet")
    return folder


@pytest.fixture(scope="session")
def runs(dataset: Path, repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The run `weak` about sum.go and text.go, and the run `strong` about all functions."""
    folder = tmp_path_factory.mktemp("harvest-runs")
    for name, replies in {"weak": WEAK, "strong": STRONG}.items():
        lines = [
            {"contains": f"tests for `{focal}`", "reply": f"Here it is.\n\n```go\n{text}```\n"}
            for focal, text in replies.items()
        ]
        script = folder / f"{name}.jsonl"
        script.write_text("".join(json.dumps(line) + "\n" for line in lines))
        only = ("sum", "text") if name == "weak" else ()
        generate(dataset, folder / name, f"scripted/{script}", replace(OPTIONS, only=only))
        options = ExecuteOptions(repeat=1, mutants=20, test_seconds=8.0, build_seconds=600.0)
        run_stage(
            folder / name / "candidates.parquet", dataset, repositories, folder / name,
            options=options, workers=2, work=shared_work("harvest"),
        )  # fmt: skip
    gc.collect()
    return folder / "weak", folder / "strong"
