"""A model behind a real OpenAI-compatible server on loopback, from prompts to executed tests.

    bench_server.py --dataset DIR --serve "transformers serve MODEL --host 127.0.0.1 --port 8137" \\
        --base-url http://127.0.0.1:8137/v1 --model NAME --out RUN -- --split leakfree:test --limit 24 ...
    bench_server.py --dataset DIR --base-url URL --model NAME --out RUN -- ...

`--serve` starts the server and stops it at the end; without it a server must be running. Options after `--`
are passed to `goutbench generate`. The same command resumes a stopped run: no answer is requested twice.
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

WAIT = 300.0  # seconds for a server to load its weights and listen


def listens(url: str) -> bool:
    """Whether anything listens on the server's port."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "127.0.0.1", address.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def served(command: str | None, url: str, out: Path) -> Iterator[None]:
    """Run the server while it is needed; its output is in `server.log`."""
    if command is None:
        yield
        return
    if listens(url):
        raise SystemExit(f"{url} is already in use: omit --serve to use that server")
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


def goutbench(*arguments: str) -> float:
    """Run a command of goutbench and return its wall seconds."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "goutbench", *arguments], check=True, stdout=sys.stderr)
    return time.monotonic() - start


def rows(path: Path) -> list[dict[str, Any]]:
    table_rows: list[dict[str, Any]] = read_table(path).to_pylist()
    return table_rows


def counted(values: Sequence[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(values).most_common()) or "none"


def table(out: Path, generating: float, executing: float) -> Iterator[str]:
    """The results as a Markdown table."""
    completions, candidates = rows(out / "completions.parquet"), rows(out / "candidates.parquet")
    executions = rows(out / "executions.parquet")
    seconds = sum(row["seconds"] for row in completions)
    written = sum(row["output_tokens"] for row in completions)
    facts = {
        "functions": len(candidates),
        "completions without an error": sum(not row["error"] for row in completions),
        "errors by class": counted([row["error"] for row in completions if row["error"]]),
        "stop reasons": counted([row["stop"] for row in completions if row["stop"]]),
        "input tokens, as the server counts": sum(row["input_tokens"] for row in completions),
        "output tokens": written,
        "seconds of the model": f"{seconds:.0f} ({written / max(seconds, 1e-9):.1f} output tokens per s)",
        "seconds of `generate`": f"{generating:.0f}",
        "candidates with code": sum(bool(row["code"].strip()) for row in candidates),
        "seconds of `execute`": f"{executing:.0f}",
        "statuses": counted([row["status"] for row in executions]),
        "rungs": counted([row["rung"] for row in executions]),
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
    parser.add_argument("--model", required=True, help="the model's name on the server")
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
