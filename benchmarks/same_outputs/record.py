"""Runs every command of plan.yaml with one version of goutbench, into one sub-folder per stage."""

import csv
import json
import os
import resource
import shlex
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from same_outputs.renames import Renames

HERE = Path(__file__).parent
GIN_COMMIT = "e46bd521859fdfc83c508f1d42c92cb7f91e9fcb"  # the newest of 2024-11-25
GIN_FILES = ("context.go", "context_test.go", "tree.go", "tree_test.go")
STD_FILES = ("encoding/hex/hex.go", "encoding/hex/hex_test.go")
RUN_TABLES = ("prompts", "completions", "candidates")
FOLDERS = "folders.json"  # paths of this machine, which `compare` replaces
LABELS = ("first", "second", "tie", "")
STEPS_OF_OURS = ("freeze", "label")


@dataclass(frozen=True)
class Version:
    """The version of goutbench to run, what it reads, and where to.

    `like` is the record whose candidates are executed, judged and reported; else the own ones.
    """

    python: Path
    source: Path
    gin: Path
    out: Path
    work: Path
    like: Path | None
    renames: Renames


@dataclass(frozen=True)
class Step:
    """A command of the plan."""

    stage: str
    name: str
    words: tuple[str, ...]


def record(version: Version, *, small: bool) -> dict[str, int]:
    """Run the plan; returns the exit code of each command. The folder `out` has to be new or empty."""
    version.out.mkdir(parents=True, exist_ok=True)
    if any(version.out.iterdir()):
        raise SystemExit(f"{version.out} is not empty: a record is made from nothing")
    shutil.rmtree(version.work / "trees", ignore_errors=True)
    write_inputs(version)
    folders = {version.out: "RECORD", version.work: "WORK", version.source: "SOURCE", version.gin: "GIN"}
    folders[version.python.parent.parent] = "PYTHON"
    write(
        version.out / FOLDERS, json.dumps({str(folder): name for folder, name in folders.items()}, indent=1)
    )
    codes: dict[str, int] = {}
    for step in steps(small=small):
        start, spent = time.monotonic(), _children()
        codes[f"{step.stage}/{step.name}"] = code = run(version, step)
        took, cpu = time.monotonic() - start, _children() - spent
        print(f"{took:6.1f} s  {cpu:6.1f} s of CPU  exit {code}  {step.stage}/{step.name}", flush=True)
    for stage in dict.fromkeys(name.partition("/")[0] for name in codes):
        mine = {name.partition("/")[2]: code for name, code in codes.items() if name.startswith(f"{stage}/")}
        write(version.out / stage / "exit-codes.json", json.dumps(mine, indent=1))
    return codes


def _children() -> float:
    """CPU seconds of the commands so far."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def steps(*, small: bool) -> Iterator[Step]:
    """The commands of plan.yaml, in order."""
    for entry in yaml.safe_load((HERE / "plan.yaml").read_text(encoding="utf-8")):
        for name, words in entry.items():
            stage, _, short = name.removesuffix("*").partition("/")
            if not (small and name.endswith("*")):
                yield Step(stage, short, tuple(shlex.split(words)))


def run(version: Version, step: Step) -> int:
    """Run one command, keep what it prints, return its exit code."""
    if step.words[0] in STEPS_OF_OURS:
        return _own_step(version, step.words)
    command = [str(version.python), "-m", "goutbench", *version.renames.words(step.words)]
    done = subprocess.run(
        command, cwd=version.out, env=environment(version), capture_output=True, stdin=subprocess.DEVNULL
    )
    text = done.stdout.decode("utf-8", "replace")
    suffix = "json" if text[:1] in ("{", "[") else "txt"
    folder = version.out / step.stage
    write(folder / f"{step.name}.stdout.{suffix}", text)
    write(folder / f"{step.name}.stderr", done.stderr.decode("utf-8", "replace"))
    return done.returncode


def environment(version: Version) -> dict[str, str]:
    """What commands may see of this machine: little, so that two records are alike."""
    given = {
        name: os.environ[name]
        for name in ("HOME", "GOPROXY", "GOFLAGS", "SSL_CERT_FILE")
        if name in os.environ
    }
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return given | proxies | {
        "PYTHONPATH": f"{version.work / 'installed' / str(os.getpid())}:{version.source}",
        "PATH": f"{version.python.parent}:{os.environ.get('PATH', '')}",
        "GOUTBENCH_CACHE": str(version.work),
        "XDG_CACHE_HOME": str(version.work / "cache"),
        "LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1",
        "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip


def write_inputs(version: Version) -> None:
    """The files that the commands read, and the entry points of the version, which may not be installed."""
    inputs = version.out / "inputs"
    for name, content in yaml.safe_load((HERE / "inputs.yaml").read_text(encoding="utf-8")).items():
        write(inputs / name, _input_text(name, content, version.renames))
    link = inputs / "repos" / "gin-gonic" / "gin"
    link.parent.mkdir(parents=True)
    link.symlink_to(version.gin.resolve())
    for name in GIN_FILES:
        show = ["git", "--git-dir", str(version.gin), "show", f"{GIN_COMMIT}:{name}"]
        write(inputs / "go" / name, subprocess.run(show, check=True, capture_output=True, text=True).stdout)
    ask = "import importlib.util as i; print(i.find_spec('go').submodule_search_locations[0])"
    words = [str(version.python), "-c", ask]
    wheel = Path(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip())
    for name in STD_FILES:
        write(inputs / "go" / Path(name).name, (wheel / "src" / name).read_text(encoding="utf-8"))
    _install(version)
    model = [str(version.python), str(HERE / "tiny_model.py"), str(inputs / "model")]
    subprocess.run(model, check=True, env=environment(version), stderr=subprocess.DEVNULL)


def _input_text(name: str, content: Any, renames: Renames) -> str:
    if name.endswith(".jsonl"):
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in content)
    if name.endswith(".yaml"):
        return yaml.dump(renames.keys(content), Dumper=_Plain, sort_keys=False, allow_unicode=True)
    return str(content)


class _Plain(yaml.SafeDumper):
    """Writes everything out: goutbench refuses aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _install(version: Version) -> None:
    """Put the metadata of the version's own pyproject.toml ahead of the installed one: its entry points tell
    Inspect where the scripted models are."""
    project = tomllib.loads((version.source.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = version.work / "installed" / str(os.getpid()) / f"goutbench-{project['version']}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in of.items())
        for group, of in project["entry-points"].items()
    )
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: goutbench\nVersion: {project['version']}\n")
    write(folder / "entry_points.txt", points)


def _own_step(version: Version, words: Sequence[str]) -> int:
    if words[0] == "label":
        _label(version.out / words[1])
    else:
        _freeze(version, *words[1:])
    return 0


def _freeze(version: Version, source: str, target: str) -> None:
    """A run's tables as the record `like` has them, in this version's names: later stages then get the same
    candidates with the same ids, whatever became of the prompts."""
    folder = version.out / target
    folder.mkdir(parents=True)
    for name in RUN_TABLES:
        path = f"{source}/{name}.parquet"
        if version.like is None:
            shutil.copyfile(version.out / path, folder / f"{name}.parquet")
            continue
        rows = pq.read_table(version.like / path).to_pylist()
        path = version.renames.file(path)
        pq.write_table(
            pa.Table.from_pylist([_renamed(row, path, version.renames) for row in rows]),
            folder / Path(path).name,
        )


def _renamed(row: Mapping[str, Any], path: str, renames: Renames) -> dict[str, Any]:
    return {renames.column(path, key): renames.cell(path, key, value) for key, value in row.items()}


def _label(path: Path) -> None:
    """Fill in the labels of an exported file, as a person would."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(row | {"label": LABELS[number % len(LABELS)]})


def write(path: Path, text: str) -> None:
    """Write a text file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
