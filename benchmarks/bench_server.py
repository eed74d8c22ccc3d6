"""A model behind a real OpenAI-compatible server on loopback, from prompts to executed tests.

    bench_server.py --dataset DIR --serve "transformers serve MODEL --host 127.0.0.1 --port 8137" \\
        --base-url http://127.0.0.1:8137/v1 --model NAME --out RUN -- --split leakfree:test --limit 24 ...
    bench_server.py --dataset DIR --base-url URL --model NAME --out RUN -- ...

`--serve` starts the server, and ends it at the end; without it one must be there. What follows `--` is handed
to `goutbench generate`. The same command goes on where a run was stopped: answers are asked for once.
"""

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from goutbench.dataset.store import read_table

WAIT = 300.0  # seconds until a server that loads its weights must listen


def listens(url: str) -> bool:
    """Whether anything answers at the server's port."""
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "127.0.0.1", place.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def served(command: str | None, url: str, out: Path) -> Iterator[None]:
    """The server, while it is needed; its own words are in `server.log`."""
    if command is None:
        yield
        return
    if listens(url):
        raise SystemExit(f"something listens at {url} already: leave --serve out to use it")
    out.mkdir(parents=True, exist_ok=True)
    with (out / "server.log").open("w") as log:
        process = subprocess.Popen(
            shlex.split(command), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            end = time.monotonic() + WAIT
            while not listens(url):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"the server did not start: see {log.name}")
                time.sleep(0.5)
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def goutbench(*words: str) -> float:
    """Runs a command of goutbench; its wall seconds."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "goutbench", *words], check=True, stdout=sys.stderr)
    return time.monotonic() - start


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_table(path).to_pylist()
    return found


def counted(values: Sequence[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(values).most_common()) or "none"


def table(out: Path, generating: float, executing: float) -> Iterator[str]:
    """What came of it, as rows of Markdown."""
    completions, candidates = rows(out / "completions.parquet"), rows(out / "candidates.parquet")
    executions = rows(out / "executions.parquet")
    seconds = sum(each["seconds"] for each in completions)
    written = sum(each["output_tokens"] for each in completions)
    facts = {
        "functions": len(candidates),
        "completions without an error": sum(not each["error"] for each in completions),
        "errors by class": counted([each["error"] for each in completions if each["error"]]),
        "stop reasons": counted([each["stop"] for each in completions if each["stop"]]),
        "input tokens, as the server counts": sum(each["input_tokens"] for each in completions),
        "output tokens": written,
        "seconds of the model": f"{seconds:.0f} ({written / max(seconds, 1e-9):.1f} output tokens a second)",
        "seconds of `generate`": f"{generating:.0f}",
        "candidates with code": sum(bool(each["code"].strip()) for each in candidates),
        "seconds of `execute`": f"{executing:.0f}",
        "statuses": counted([each["status"] for each in executions]),
        "rungs": counted([each["rung"] for each in executions]),
    }
    yield "| what | measured |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in facts.items())


def main() -> None:
    ours, theirs = sys.argv[1:], []
    if "--" in ours:
        at = ours.index("--")
        ours, theirs = ours[:at], ours[at + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True, help="the name that the server knows the model by")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--serve", help="the command that starts the server")
    options = parser.parse_args(ours)
    run, dataset = str(options.out), str(options.dataset)
    with served(options.serve, options.base_url, options.out):
        generating = goutbench(
            "generate", dataset, "--model", f"openai-api/local/{options.model}",
            "--base-url", options.base_url, "-M", "api_key=none", "--out", run, *theirs,
        )  # fmt: skip
    executing = goutbench("execute", f"{run}/candidates.parquet", "--dataset", dataset, "--out", run)
    goutbench("report", run, "--dataset", dataset, "--out", f"{run}/report.html")
    print("\n".join(table(options.out, generating, executing)))


if __name__ == "__main__":
    main()
