"""How soon `execute` shows something: seconds to the first output, count and records.

    bench_pace.py --dataset DIR [--repos CACHE] [--work DIR] [--cold] [--records 20] [--terminal]

Runs `goutbench execute --reference` on the dataset into an empty run folder, as a user would, and ends it
after the given number of records or seconds. Wall time: a person waits. `--cold` uses an empty workspace;
without it, a run of the same pairs comes first, so that caches are warm. `--terminal` gives the
command a pseudo-terminal. All output is printed with its time.
"""

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_COUNT = re.compile(rb"\b\d+/\d+\b")
_CODES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--repos", type=Path)
    parser.add_argument("--work", type=Path, help="workspace; by default the user's")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="print the figures only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pace-", dir="/var/tmp") as scratch:
        Path(scratch).chmod(0o755)
        work = Path(scratch, "work") if arguments.cold else arguments.work
        if not arguments.cold:
            measure(arguments, work, Path(scratch, "warm-up"), show=False)
        measure(arguments, work, Path(scratch, "run"), show=not arguments.quiet)


def measure(arguments: argparse.Namespace, work: Path | None, out: Path, *, show: bool) -> None:
    """Run the command once; prints its output with times, and the figures."""
    dataset = out.with_name(f"{out.name}-dataset")
    shutil.copytree(arguments.dataset, dataset)  # without an earlier run's reference.parquet
    command = [sys.executable, "-m", "goutbench", "execute", "--reference", "--dataset", str(dataset)]
    command += ["--out", str(out), "--workers", str(arguments.workers)]
    command += ["--repos", str(arguments.repos)] if arguments.repos else []
    command += ["--work", str(work)] if work else []
    journal, start = out / "executions.jsonl", time.monotonic()
    first_output = first_count = first_record = 0.0
    finished = 0
    for text in output_of(command, terminal=arguments.terminal):
        now = time.monotonic() - start
        finished = journal.read_bytes().count(b"\n") if journal.is_file() else 0
        if text and not first_output:
            first_output = now
        if _COUNT.search(_CODES.sub(b"", text)) and not first_count:
            first_count = now
        if finished and not first_record:
            first_record = now
        if text and show:
            for line in re.split(rb"[\r\n]+", _CODES.sub(b"", text)):
                if line.strip():
                    print(f"{now:7.1f}  {line.decode('utf-8', 'replace').rstrip()}", flush=True)
        if finished >= arguments.records or now > arguments.seconds:
            break
    seconds = time.monotonic() - start
    print(
        f"{'run' if show or arguments.quiet else 'warm-up'}: first output {first_output:.1f} s,"
        f" first count {first_count:.1f} s, first record {first_record:.1f} s,"
        f" {finished} records in {seconds:.1f} s",
        flush=True,
    )


def output_of(command: list[str], *, terminal: bool) -> Iterator[bytes]:
    """Chunks of standard error, and an empty one every tenth of a second. Ends the command at the end."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer, start_new_session=True
    )
    os.close(writer)
    try:
        while True:
            if not select.select([reader], [], [], 0.1)[0]:
                yield b""
                continue
            try:
                data = os.read(reader, 1 << 16)
            except OSError:  # the other end of a terminal is closed
                break
            if not data:
                break
            yield data
        yield b""
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(reader)


if __name__ == "__main__":
    main()
