"""Harbor task folders end to end in real containers: does the reference earn its ceiling, and nothing else?

    bench_harbor.py run FOLDER [--tasks 20] [--engine "podman"] [--build-args "..."] [--run-args "..."]
    bench_harbor.py load FOLDER            # with the Python of an installed `harbor` (3.12 or later)

FOLDER is what `goutbench export --to harbor` wrote. `run` builds each task's two images and does what Harbor
does with a separate verifier: the solution runs in the agent's container, without a network; the declared
artifact, and nothing else, is copied into the judge's container, which has no network either and runs
/tests/test.sh. Beside the solution's it gives an empty answer and hostile ones, and prints the rewards; the
exit code is 1 where one is not as expected. `load` reads every folder with Harbor's own models.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

EXIT = """package {package}

import (
	"os"
	"testing"
)

func init() {{
	reward := []byte("{{\\"reward\\": 1, \\"pass\\": 1, \\"solved\\": 1}}")
	for _, folder := range []string{{"/logs/verifier", "/tests", "/work"}} {{
		_ = os.WriteFile(folder+"/reward.json", reward, 0o666)
		_ = os.RemoveAll(folder)
	}}
	os.Exit(0)
}}

func TestNothing(t *testing.T) {{}}
"""
THIEF = """package {package}

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNothing(t *testing.T) {{
	names, _ := filepath.Glob("/tests/*/*")
	if text, err := os.ReadFile("/tests/tasks/tasks.parquet"); err == nil || len(names) > 0 {{
		t.Logf("%d files, %d bytes", len(names), len(text))
		_ = os.WriteFile("/logs/verifier/reward.json", []byte("{{\\"reward\\": 1}}"), 0o666)
	}}
	t.Skip("and no assertion")
}}
"""


def load(arguments: argparse.Namespace) -> int:
    from harbor.models.task.task import Task  # type: ignore[import-not-found]
    from harbor.models.task.verifier_mode import (  # type: ignore[import-not-found]
        resolve_verifier_environment_definition,
    )

    folders = sorted(path for path in arguments.folder.iterdir() if (path / "task.toml").is_file())
    for folder in folders:
        task = Task(folder)
        judge = resolve_verifier_environment_definition(task.config, task.paths)
        assert Task.is_valid_dir(folder), folder
        assert judge is not None, f"{folder}: the verifier shares the agent's container"
        assert judge.bundled_tests, f"{folder}: the tests are uploaded into the agent's image"
        assert task.config.artifacts, folder
    print(f"{len(folders)} of {len(folders)} folders load in harbor")
    return 0


def run(arguments: argparse.Namespace) -> int:
    folders = sorted(path for path in arguments.folder.iterdir() if (path / "task.toml").is_file())
    engine, wrong = Engine(arguments), 0
    for folder in folders[: arguments.tasks]:
        start = time.monotonic()
        config = tomllib.loads((folder / "task.toml").read_text())
        path = config["artifacts"][0]
        agent, judge = engine.build(folder / "environment"), engine.build(folder / "tests")
        package = package_of(folder)
        answers = {
            "reference": engine.solve(agent, folder, path),
            "empty": "",
            "exit": EXIT.format(package=package),
            "thief": THIEF.format(package=package),
        }
        rewards = {name: engine.judge(judge, path, answer) for name, answer in answers.items()}
        ceiling = rewards["reference"].get("ceiling")
        expected = rewards["reference"].get("reward") == ceiling and all(
            rewards[name].get("reward") == 0.0 for name in ("empty", "exit", "thief")
        )
        wrong += not expected
        shown = " ".join(f"{name} {reward.get('reward')}" for name, reward in rewards.items())
        seconds = time.monotonic() - start
        print(
            f"{'ok   ' if expected else 'WRONG'} {folder.name} ceiling {ceiling}: {shown}, {seconds:.0f} s",
            flush=True,
        )
        engine.remove(agent, judge)
    print(f"{min(len(folders), arguments.tasks) - wrong} of {min(len(folders), arguments.tasks)} as expected")
    return int(wrong > 0)


def package_of(folder: Path) -> str:
    for line in (folder / "solution" / "answer.go.txt").read_text("utf-8", "replace").splitlines():
        if line.startswith("package "):
            return line.split()[1]
    return "main"


class Engine:
    """A container engine, with options for this machine."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.command = shlex.split(arguments.engine)
        self.build_options = shlex.split(arguments.build_args)
        self.run_options = shlex.split(arguments.run_args)

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        if check and done.returncode:
            sys.exit(f"{' '.join(arguments[:2])}: {done.stderr[-2000:]}")
        return done

    def build(self, folder: Path) -> str:
        return self.call("build", "-q", *self.build_options, str(folder)).stdout.split()[-1]

    def remove(self, *images: str) -> None:
        self.call("rmi", "-f", *images, check=False)

    def solve(self, image: str, folder: Path, path: str) -> str:
        """What the solution leaves at the artifact's path in the agent's container."""
        script = f"sh /solution/solve.sh >&2; cat {shlex.quote(path)}"
        mount = f"{folder.resolve() / 'solution'}:/solution:ro"
        done = self.call(
            "run", "--rm", "--network=none", *self.run_options, "-v", mount, "--entrypoint", "sh", image,
            "-c", script,
        )  # fmt: skip
        return done.stdout

    def judge(self, image: str, path: str, answer: str) -> dict[str, Any]:
        """The reward of an answer; empty where the judge wrote none."""
        with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
            logs, file = Path(scratch) / "logs", Path(scratch) / "answer"
            logs.mkdir()
            logs.chmod(0o777)
            Path(scratch).chmod(0o755)
            options = ["-v", f"{logs}:/logs/verifier"]
            if answer:
                file.write_text(answer)
                options += ["-v", f"{file}:{path}:ro"]
            done = self.call(
                "run", "--rm", "--network=none", *self.run_options, *options, "--entrypoint", "sh", image,
                "/tests/test.sh", check=False,
            )  # fmt: skip
            reward = logs / "reward.json"
            if not reward.is_file():
                print(f"no reward, exit {done.returncode}: {(done.stdout + done.stderr)[-800:]}", flush=True)
                return {}
            content: dict[str, Any] = json.loads(reward.read_text())
            return content


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["run", "load"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--engine", default="podman")
    parser.add_argument("--build-args", default="")
    parser.add_argument("--run-args", default="")
    arguments = parser.parse_args()
    return {"run": run, "load": load}[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())
