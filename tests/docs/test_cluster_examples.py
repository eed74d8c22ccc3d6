"""The examples for batch systems are valid, and their commands have options that exist."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from goutbench.cli import app

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"
FILES = sorted(FOLDER.iterdir())
COMMAND = re.compile(r"\bgoutbench (execute|merge|doctor) ((?:[^\n|]|\\\n)+)")


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The goutbench commands of a file, with their options."""
    text = re.sub(r"^#\s*", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    text = re.sub(r"\n\s+--", " --", text)
    return [
        (
            name,
            [word for word in shlex.split(rest.strip().strip('"'), comments=True) if word.startswith("--")],
        )
        for name, rest in COMMAND.findall(text)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_options_of_every_command_exist(path: Path) -> None:
    group: Any = typer.main.get_command(app)
    written = commands(path.read_text())
    assert "execute" in {name for name, _ in written}
    for name, options in written:
        defined = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert set(options) - defined == set(), (name, options)


def test_the_slurm_script_parses_and_counts_shards_from_one() -> None:
    path = FOLDER / "slurm-array.sh"
    subprocess.run(["bash", "-n", str(path)], check=True)
    text = path.read_text()
    assert "#SBATCH --array=1-16\n" in text
    assert "SHARDS=${SHARDS:-16}\n" in text
    assert '--shard "$SLURM_ARRAY_TASK_ID/$SHARDS"' in text


def test_the_kubernetes_job_has_as_many_shards_as_indexes() -> None:
    job = yaml.safe_load((FOLDER / "kubernetes-job.yaml").read_text())["spec"]
    container = job["template"]["spec"]["containers"][0]
    assert job["completionMode"] == "Indexed"
    assert f'--shard "$part/{job["completions"]}"' in container["args"][0]
    subprocess.run(["sh", "-n", "-c", container["args"][0]], check=True)
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in job["template"]["spec"]["volumes"]}


def test_the_ray_files_name_a_cluster() -> None:
    up = yaml.safe_load((FOLDER / "ray-up.yaml").read_text())
    assert len(up["provider"]["worker_ips"]) == up["max_workers"]
    job = yaml.safe_load((FOLDER / "kuberay-job.yaml").read_text())
    groups = [
        job["spec"]["rayClusterSpec"]["headGroupSpec"],
        *job["spec"]["rayClusterSpec"]["workerGroupSpecs"],
    ]
    assert job["kind"] == "RayJob"
    for group in groups:
        spec = group["template"]["spec"]
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}
