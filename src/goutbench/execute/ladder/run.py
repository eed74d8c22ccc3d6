"""Running a test binary, and judging a run by what cannot be forged alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.ladder.build import readable
from goutbench.execute.ladder.coverage import EMPTY, Coverage, read_profile
from goutbench.execute.options import Options
from goutbench.execute.sandbox.command import MIB, Command, Limits, Sandbox
from goutbench.execute.sandbox.process import Outcome
from goutbench.execute.workspace.folders import Workplace
from goutbench.execute.workspace.subject import Subject
from goutbench.golang.toolchain.test_output import TestOutput, evidence, parse_output

_COPY = Path("/run/package")
_RACE_EXIT = 66
_XCPU, _KILL = 152, 137


@dataclass(frozen=True, slots=True)
class Target:
    """A compiled test binary of a subject. `private` gives runs a writable copy of the package's folder."""

    subject: Subject
    binary: Path
    folder: Path
    worker: int
    private: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run of the binary came to: `status` and `reason` as in Execution, and what supports them."""

    status: str
    reason: str
    evidence: str
    output: TestOutput
    coverage: Coverage
    cpu_seconds: float
    wall_seconds: float


def command_for(
    target: Target,
    tests: Sequence[str],
    *,
    place: Workplace,
    sandbox: Sandbox,
    options: Options,
    flags: tuple[str, ...] = (),
    writable: tuple[Path, ...] = (),
) -> Command:
    """The sandboxed command that runs these top-level tests of the binary, without the build cache."""
    subject = target.subject
    argv = (
        str(target.binary), "-test.paniconexit0", "-test.v=test2json", *flags,
        f"-test.run=^({'|'.join(tests)})$",
    )  # fmt: skip
    if target.private:
        script = f'cp -R {_COPY}/. . && exec "$@"'
        argv = ("/bin/sh", "-c", script, "sh", *argv)
    goroot = subject.toolchain.goroot
    env = {
        "PATH": f"{goroot}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp/home",
        "TMPDIR": "/tmp",
        "LC_ALL": "C.UTF-8",
        "USER": "candidate",
        "GOROOT": str(goroot),
        "GORACE": "atexit_sleep_ms=0",
        "GOCOVERDIR": "/tmp",  # a covered binary that a test starts again complains without one
        "PWD": str(subject.package),
    }
    return Command(
        argv=argv,
        cwd=subject.package,
        env=env,
        readable=(*readable(subject), target.binary),
        writable=writable,
        mounts=_account(place, sandbox, target) + (((subject.package, _COPY),) if target.private else ()),
        tmpfs=(subject.package,) if target.private else (),
        limits=Limits(
            wall=options.test_seconds + 5,
            cpu=int(options.test_seconds * 2),
            # the race detector maps terabytes of shadow memory, which RLIMIT_DATA would count
            data=0 if options.race else options.memory_mib * MIB,
            memory=options.memory_mib * MIB * 3 // 2,
            file_size=64 * MIB,
        ),
        worker=target.worker,
    )


def run_tests(
    target: Target,
    tests: Sequence[str],
    *,
    place: Workplace,
    sandbox: Sandbox,
    options: Options,
    cover: bool,
    shuffle: int = 0,
    processors: int = 0,
) -> Verdict:
    """Run the tests once and judge. `shuffle` is the seed of their order, 0 for the file's own order."""
    profile = target.folder / "cover.out"
    flags = [f"-test.timeout={options.test_seconds:g}s", f"-test.shuffle={shuffle or 'off'}"]
    if cover:
        # the one file of the host that a run may write: it exists before, and RLIMIT_FSIZE bounds it
        profile.write_bytes(b"")
        if sandbox.user_id(target.worker) != os.geteuid():
            os.chown(profile, sandbox.user_id(target.worker), -1)
        flags.append(f"-test.coverprofile={profile}")
    if processors:
        flags.append(f"-test.cpu={processors}")
    command = command_for(
        target,
        tests,
        place=place,
        sandbox=sandbox,
        options=options,
        flags=tuple(flags),
        writable=(profile,) if cover else (),
    )
    outcome = sandbox.run(command)
    coverage = _read_coverage(profile, target.subject.focal) if cover else EMPTY
    verdict = judge(outcome, tests, profiled=profile.stat().st_size > 0 if cover else True, options=options)
    return replace(verdict, coverage=coverage)


def judge(outcome: Outcome, tests: Sequence[str], *, profiled: bool, options: Options) -> Verdict:
    """The verdict on one run of exactly these declared tests.

    A pass needs all of: exit status 0, every declared name seen with a PASS or SKIP, at least one PASS, the
    testing package's own last word, and the cover profile that it writes after everything else when one was
    asked for. Any of them alone can be forged by the test.
    """
    output = parse_output(outcome.stdout, outcome.stderr)
    status, reason = _judge(outcome, output, tests, profiled=profiled, options=options)
    words = "" if status == "PASSED" else evidence(outcome.stdout, outcome.stderr)
    wall = sum(report.wall_seconds for report in outcome.reports)
    return Verdict(status, reason, words, output, EMPTY, outcome.cpu_seconds, wall)


def _judge(
    outcome: Outcome, output: TestOutput, tests: Sequence[str], *, profiled: bool, options: Options
) -> tuple[str, str]:
    if not outcome.started:
        return "INFRA_FAILURE", "sandbox"
    if outcome.memory_exceeded:
        return "TESTS_FAILED", "memory-limit"
    if outcome.stopped == "wall" or (output.timed_out and outcome.exit_code != 0):
        return "TIMED_OUT", "wall-time"
    if outcome.stopped:
        return "TESTS_FAILED", "output-limit"
    if outcome.exit_code != 0:
        return _judge_failure(outcome, output, options)
    if not output.seen & set(tests):
        return "NO_TESTS_RAN", "no-declared-test-seen"
    if output.failed or output.unfinished or set(tests) - output.seen:
        return "TESTS_FAILED", "exit-0-without-every-test"
    if output.ended != "PASS" or not profiled:
        return "TESTS_FAILED", "exit-0-before-the-end"
    if not output.passed:
        return "NO_TESTS_RAN", "all-skipped"
    return "PASSED", ""


def _judge_failure(outcome: Outcome, output: TestOutput, options: Options) -> tuple[str, str]:
    if outcome.exit_code in (_XCPU, _KILL) and outcome.cpu_seconds >= options.test_seconds:
        return "TIMED_OUT", "cpu-time"
    if outcome.exit_code == _RACE_EXIT or b"WARNING: DATA RACE" in outcome.stdout + outcome.stderr:
        return "TESTS_FAILED", "data-race"
    if b"out of memory" in outcome.stderr or b"cannot allocate memory" in outcome.stderr:
        return "TESTS_FAILED", "memory-limit"
    if output.panic:
        return "TESTS_FAILED", "panic"
    if outcome.exit_code > 128:
        return "TESTS_FAILED", "killed-by-signal"
    return "TESTS_FAILED", "assertion" if output.failed else "exit-status"


def _read_coverage(profile: Path, focal: str) -> Coverage:
    return read_profile(profile.read_bytes().decode("utf-8", "replace"), focal)


def _account(place: Workplace, sandbox: Sandbox, target: Target) -> tuple[tuple[Path, Path], ...]:
    return place.account_files(sandbox.user_id(target.worker))
