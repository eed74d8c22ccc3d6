"""Fuzzes the parsers of untrusted bytes for a number of CPU seconds.

    python tools/fuzz.py --seconds 3600 [--target go_syntax] [--corpus FOLDER]

The targets are those of `fuzz_targets.py`, each in a process of its own for an equal share of the time, and
with `go test -fuzz` the fuzz tests of the Go programs. The Python ones need atheris
(pip install 'goutbench[fuzz]'). Inputs and crashes go to FOLDER/TARGET and FOLDER/TARGET.crashes; the first
inputs are those in `tests/fuzz/corpus`, where `--minimise` writes a small selection of FOLDER: the inputs
that alone reach some code.
"""

import argparse
import hashlib
import os
import re
import resource
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
GO_PROGRAMS = ROOT / "src" / "goutbench" / "golang" / "toolchain"
_SLOW = 20  # seconds of one input
_MEMORY = 3000  # MB
_LONGEST = 4096  # bytes of an input
_FUZZ_TEST = re.compile(r"^func (Fuzz\w+)\(\w+ \*testing\.F\)", re.MULTILINE)
_EXCEPTION_LIMIT = 30
_SMALL_CORPUS = 40_000  # bytes added for one target
Trace = Callable[..., Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="CPU seconds of all targets together")
    parser.add_argument("--target", action="append", default=[], help="fuzz only this one (repeatable)")
    parser.add_argument("--corpus", type=Path, default=Path("fuzz-corpus"))
    parser.add_argument("--minimise", action="store_true", help="write the small corpus, and fuzz nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return fuzz_target(options.worker, options.corpus, options.seconds)
    if options.minimise:
        for name in options.target or target_names():
            minimise(name, options.corpus)
        return None
    jobs: dict[str, Callable[[float], list[str]]] = {}
    for name in target_names():
        command = [sys.executable, __file__, "--worker", name, "--corpus", str(options.corpus)]
        jobs[name] = lambda seconds, command=command: [*command, "--seconds", f"{seconds:.0f}"]
    for package, name in go_fuzz_tests():
        jobs[f"{package.name}.{name}"] = lambda seconds, name=name: [
            "go", "test", "-run=^$", f"-fuzz=^{name}$", f"-fuzztime={seconds:.0f}s", "-parallel=1", ".",
        ]  # fmt: skip
    folders = {f"{package.name}.{name}": package for package, name in go_fuzz_tests()}
    chosen = [name for name in jobs if not options.target or name in options.target]
    if not chosen:
        parser.error(f"no such target: choose among {', '.join(jobs)}")
    for name in chosen:
        before = cpu_seconds()
        command = jobs[name](options.seconds / len(chosen))
        done = subprocess.run(command, cwd=folders.get(name), env=environment(), check=False)
        print(f"{name}: {cpu_seconds() - before:.0f} CPU s, exit status {done.returncode}", flush=True)
    crashes = sorted(options.corpus.glob("*.crashes/*"))
    print("\n".join([f"{len(crashes)} crashes", *map(str, crashes)]))
    sys.exit(1 if crashes else 0)


def target_names() -> list[str]:
    from fuzz_targets import TARGETS

    return list(TARGETS)


def go_fuzz_tests() -> Iterator[tuple[Path, str]]:
    """The fuzz tests of the Go programs, each with its package's folder."""
    for file in sorted(GO_PROGRAMS.glob("*/**/*_test.go")):
        for name in _FUZZ_TEST.findall(file.read_text("utf-8")):
            yield file.parent, name


def environment() -> dict[str, str]:
    source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": source, "GOWORK": "off"}


def cpu_seconds() -> float:
    """CPU seconds of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def fuzz_target(name: str, corpus: Path, seconds: float) -> None:
    """Fuzz one target in this process; it ends after so many seconds of CPU time."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install 'goutbench[fuzz]'")
    with atheris.instrument_imports(include=["goutbench"]):
        from fuzz_targets import TARGETS
    folder, crashes = (corpus / name).absolute(), (corpus / f"{name}.crashes").absolute()
    for path in (folder, crashes, CORPUS / name):
        path.mkdir(parents=True, exist_ok=True)
    target, seen = TARGETS[name], set[str]()

    def run(data: bytes) -> None:
        own = resource.getrusage(resource.RUSAGE_SELF)
        if own.ru_utime + own.ru_stime + cpu_seconds() > seconds:
            os._exit(0)
        try:
            target(data)
        except Exception as error:
            place = fault_place(error)
            if place not in seen and len(seen) < _EXCEPTION_LIMIT:
                seen.add(place)
                digest = hashlib.sha256(place.encode()).hexdigest()[:16]
                (crashes / digest).write_bytes(data)
                print(f"{name}: {place}\n{traceback.format_exc(limit=-3)}", flush=True)

    limits = [f"-timeout={_SLOW}", f"-rss_limit_mb={_MEMORY}", f"-artifact_prefix={crashes}/", "-verbosity=0"]
    arguments = [*limits, f"-max_len={_LONGEST}", str(folder), str(CORPUS / name)]
    atheris.Setup([name, *arguments], run)
    atheris.Fuzz()


def minimise(name: str, corpus: Path) -> None:
    """Add to the small corpus the inputs that reach lines of ours which no smaller one reaches."""
    from fuzz_targets import TARGETS

    present = list((CORPUS / name).iterdir())
    reached, size = set[tuple[str, int]](), 0
    for path in [*present, *sorted((corpus / name).iterdir(), key=lambda path: path.stat().st_size)]:
        data = path.read_bytes()
        lines = lines_of(lambda data=data: TARGETS[name](data))
        if path not in present and lines - reached and size + len(data) <= _SMALL_CORPUS:
            size += len(data)
            (CORPUS / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        reached |= lines


def lines_of(function: Callable[[], None]) -> set[tuple[str, int]]:
    """The lines of the package that a call runs."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, value: object) -> Trace | None:
        file = frame.f_code.co_filename
        if f"{os.sep}goutbench{os.sep}" not in file:
            return None
        lines.add((file, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        function()
    except Exception as error:
        print(f"fails: {fault_place(error)}", flush=True)
    finally:
        sys.settrace(None)
    return lines


def fault_place(error: Exception) -> str:
    """The kind of an exception and the last line of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "goutbench" in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} at {place}"


if __name__ == "__main__":
    main()
