"""The fourth and fifth step: run the test binary, and decide the result from several independent signals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.execute.ladder.coverage import EMPTY, Coverage, read_profile
from goutbench.execute.ladder.faults import FORGED, SANDBOX
from goutbench.execute.ladder.seed import CACHE, BuildSeed
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox.command import MIB, Command, Limits, Outcome, PrivateCopy
from goutbench.execute.sandbox.copies import private_copy
from goutbench.execute.worker import Worker
from goutbench.execute.workspace.hidden import (
    HIDDEN,
    SOURCES,
    folders_with_copies,
    replaced_files,
    replaced_focal,
)
from goutbench.execute.workspace.package import Overlay, PackageUnderTest
from goutbench.golang.toolchain.branches import outcomes_file
from goutbench.golang.toolchain.cover_blocks import NamedBlocks, named_blocks
from goutbench.golang.toolchain.test_output import TestOutput, evidence, parse_output
from goutbench.golang.toolchain.testwitness import WitnessReport, read_witness
from goutbench.records import Status

_COUNTERS = "/tmp"
_ENVIRONMENT = {
    "HOME": "/tmp/home",
    "TMPDIR": "/tmp",
    "LC_ALL": "C.UTF-8",
    "USER": "candidate",
    "GORACE": "atexit_sleep_ms=0",
    "GOCOVERDIR": _COUNTERS,  # where a binary with coverage that a test starts again writes what it reached
    # for a go command that a test calls: the prepared modules, a build cache of its own, no network
    "GOCACHE": str(CACHE),
    "GOPATH": "/tmp/go",
    "GOPROXY": "off",
    "GOSUMDB": "off",
    "GOTELEMETRY": "off",
    "GOTOOLCHAIN": "local",
}
_RACE_EXIT = 66
_SEED = "-ginkgo.seed="
_XCPU, _KILL = 152, 137


@dataclass(frozen=True, slots=True)
class CompiledTest:
    """A test binary of a package, with its top-level tests and its scratch folder.

    `pattern` selects what of these tests runs (all, if it is empty), `flags` are those of a test framework.
    `cover` says whether the binary measures coverage, `branches` whether it counts outcomes of branches,
    `reference` whether it holds the reference test.
    """

    worker: Worker
    package: PackageUnderTest
    path: Path
    folder: Path
    tests: tuple[str, ...]
    cover: bool = True
    branches: bool = False
    pattern: str = ""
    flags: tuple[str, ...] = ()
    reference: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of one run of the binary: `status` and `reason` as in Execution, and what supports them.

    `coverage` is what counts; `reached` includes what files of counters say, which a test can write.
    """

    status: Status
    reason: str
    evidence: str
    output: TestOutput
    coverage: Coverage
    reached: Coverage
    cpu_seconds: float
    wall_seconds: float

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    @property
    def culprits(self) -> tuple[str, ...]:
        """The tests that failed or did not end."""
        return (*self.output.failed, *self.output.unfinished)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The build without the candidate, its overlay, and its run of the same tests."""

    test: CompiledTest
    overlay: Overlay
    result: RunResult


def hidden(test: CompiledTest) -> CompiledTest:
    """The test, with a binary that can be run and not be read, and whose memory no file shows if the sandbox
    can do without: a candidate could look there for the switch of the mutants, and for the witness's token. A
    reference test has no reason to, and may read its own file."""
    if not test.reference and test.worker.sandbox.hides_memory:
        test.path.chmod(0o111)
    return test


def command_for(test: CompiledTest, *, flags: tuple[str, ...] = ()) -> Command:
    """The sandboxed command that runs the binary's tests, without our build cache."""
    package, worker, options = test.package, test.worker, test.worker.options
    short = ("-test.short",) if options.short else ()
    argv = (
        str(test.path), "-test.paniconexit0", "-test.v=test2json", *short, *flags,
        f"-test.run={test.pattern or all_of(test.tests)}", *test.flags,
    )  # fmt: skip
    replaced = replaced_files(package, test.folder / SOURCES)
    if options.hide_focal:
        replaced += replaced_focal(package, test.folder / HIDDEN)
    mounts = worker.workspace.account_files(worker.sandbox.user_id(worker.number))
    mounts += tuple((worker.workspace.empty, folder) for folder in worker.once(_folders_with_copies, package))
    goroot = package.toolchain.goroot
    modules = worker.workspace.module_cache
    copy = _copy_of_sources(test, replaced)
    env = {"PATH": f"{goroot}/bin:/usr/local/bin:/usr/bin:/bin", "GOROOT": str(goroot)}
    env |= {"GOMODCACHE": str(modules), "CGO_ENABLED": "1" if options.with_cgo else "0"}
    env |= dict(options.env) | {"GOFLAGS": " ".join([*options.build_flags, options.go_flags]).rstrip()}
    return Command(
        argv=argv,
        cwd=package.folder,
        env=_ENVIRONMENT | env | {"PWD": str(package.folder)},
        readable=(*package.readable_folders(), modules, *((test.path,) if test.reference else ())),
        programs=() if test.reference else (test.path,),
        mounts=mounts,
        copy=copy,
        seeds=seeds_of(worker, package) if copy is not None and copy.overlay else (),
        limits=Limits(
            wall=options.test_seconds + 5,
            cpu=int(options.test_seconds * 2),
            # the race detector maps terabytes of shadow memory, which RLIMIT_DATA would count
            data=0 if options.race else options.memory_mib * MIB,
            memory=options.memory_mib * MIB * 3 // 2,
            file_size=64 * MIB,
        ),
        worker=worker.number,
    )


def seeds_of(worker: Worker, package: PackageUnderTest) -> tuple[tuple[Path, Path], ...]:
    """The seed of the package's runs, and where they have it; none before `adopt_seed`."""
    seed = worker.once(_adopted, package).get("seed")
    return ((seed.folder, CACHE),) if seed is not None else ()


def adopt_seed(worker: Worker, package: PackageUnderTest) -> bool:
    """Give later runs of the package a seed, if there can be one, since a run has compiled something; whether
    it is new to them."""
    adopted = worker.once(_adopted, package)
    if "seed" in adopted:
        return False
    seed = _seed(worker, package)
    adopted["seed"] = seed if seed.is_possible() and seed.fill() else None
    return adopted["seed"] is not None


def _adopted(worker: Worker, package: PackageUnderTest) -> dict[str, BuildSeed | None]:
    """The seed, None for none, and nothing where no run has shown yet whether the package needs one."""
    seed = _seed(worker, package)
    return {"seed": seed} if seed.is_expected() else {}


def _seed(worker: Worker, package: PackageUnderTest) -> BuildSeed:
    options = worker.options
    return BuildSeed(
        worker.workspace, worker.sandbox, package, worker.go_environment(package), options.build_variables,
        (*options.build_flags, *options.go_flags.split()), options.hide_focal,
    )  # fmt: skip


def all_of(tests: Sequence[str]) -> str:
    """The pattern for -test.run that selects these tests with all of their subtests."""
    return f"^({'|'.join(tests)})$"


def _folders_with_copies(worker: Worker, package: PackageUnderTest) -> tuple[Path, ...]:
    return folders_with_copies(package, worker.workspace.module_cache)


def _copy_of_sources(test: CompiledTest, replaced: tuple[tuple[str, Path], ...]) -> PrivateCopy | None:
    """The copy that a run may write to; None, and so read-only sources, if our workspace is in that folder:
    the copy would hide the binary."""
    sources, worker = test.package.source_root, test.worker
    if worker.workspace.root.is_relative_to(sources):
        return None
    return replace(private_copy(worker.sandbox, sources, test.package.folder), replaced=replaced)


def run_tests(test: CompiledTest, *, cover: bool, shuffle: int = 0, processors: int = 0) -> RunResult:
    """Run the tests once. `shuffle` is the seed of their order, 0 for the order of the file.

    If a go command compiled something with an empty build cache, only a second run, with a seed, counts.
    """
    worker, cover = test.worker, cover and test.cover
    flags = [f"-test.timeout={worker.options.test_seconds:g}s", f"-test.shuffle={shuffle or 'off'}"]
    if cover and worker.sandbox.private_tmp:
        flags.append(f"-test.gocoverdir={_COUNTERS}")
    if processors:
        flags.append(f"-test.cpu={processors}")
    if shuffle:
        seeded = (f"{_SEED}{shuffle}" if flag.startswith(_SEED) else flag for flag in test.flags)
        test = replace(test, flags=tuple(seeded))
    result, compiled = _run_once(test, flags, cover=cover)
    if compiled and adopt_seed(worker, test.package):
        result, _ = _run_once(test, flags, cover=cover)
    return result


def _run_once(test: CompiledTest, flags: Sequence[str], *, cover: bool) -> tuple[RunResult, bool]:
    """The result of one run, and whether a go command compiled something in it."""
    worker = test.worker
    outcome = worker.sandbox.run(replace(command_for(test, flags=tuple(flags)), witnessed=True))
    witnessed = read_witness(b"".join(report.witness for report in outcome.reports))
    result = classify(outcome, witnessed, test.tests, cover=cover, options=worker.options)
    compiled = any(report.compiled for report in outcome.reports)
    if not cover:
        return result, compiled
    directed, focal = worker.once(_directed_blocks, test.package), test.package.focal
    outcomes = outcomes_file(focal, worker.salt)
    own = read_profile(witnessed.own or "", focal, directed, outcomes)
    reached = read_profile(witnessed.all or "", focal, directed, outcomes)
    return replace(result, coverage=reached if test.reference else own, reached=reached), compiled


def _directed_blocks(worker: Worker, package: PackageUnderTest) -> NamedBlocks | None:
    focal = package.folder / package.focal
    return named_blocks(worker.helper(package), focal, package.focal_source)


def classify(
    outcome: Outcome, witnessed: WitnessReport, tests: Sequence[str], *, cover: bool, options: ExecuteOptions
) -> RunResult:
    """The result of one run of exactly these declared tests, fuzz targets and examples; none: of TestMain.

    A pass needs all of: exit status 0, and from the witness a PASS or SKIP for every declared name, at least
    one PASS, the testing package's own last line, and the coverage if it was requested.
    """
    output = parse_output(witnessed.frames, outcome.stdout, outcome.stderr).only(tests)
    if outcome.exit_code != 0 and outcome.started and not outcome.memory_exceeded and not outcome.stopped:
        status, reason = _classify_failure(outcome, output, options)
    else:
        profiled = witnessed.own is not None or not cover
        status, reason = _classify_end(outcome, output, tests, profiled=profiled)
    text = "" if status is Status.PASSED else evidence(outcome.stdout, outcome.stderr)
    wall = sum(report.wall_seconds for report in outcome.reports)
    return RunResult(status, reason, text, output, EMPTY, EMPTY, outcome.cpu_seconds, wall)


def _classify_end(
    outcome: Outcome, output: TestOutput, tests: Sequence[str], *, profiled: bool
) -> tuple[Status, str]:
    """Status and reason of a run that was stopped or ended with exit status 0."""
    if not outcome.started:
        return Status.INFRA_FAILURE, SANDBOX
    if outcome.memory_exceeded:
        return Status.TESTS_FAILED, "memory-limit"
    if outcome.stopped == "wall":
        return Status.TIMED_OUT, "wall-time"
    if outcome.stopped:
        return Status.TESTS_FAILED, "output-limit"
    printed = parse_output(outcome.stdout)
    if tests and printed.seen.issuperset(tests) and (printed.ended, output.ended) == ("PASS", ""):
        return Status.TESTS_FAILED, FORGED
    if tests and not output.seen & set(tests):
        return Status.NO_TESTS_RAN, "no-declared-test-seen"
    if output.failed or output.unfinished or set(tests) - output.seen:
        return Status.TESTS_FAILED, "exit-0-without-every-test"
    if output.ended != "PASS" or not profiled:
        return Status.TESTS_FAILED, "exit-0-before-the-end"
    if tests and not output.passed:
        return Status.NO_TESTS_RAN, "all-skipped"
    return Status.PASSED, ""


def _classify_failure(outcome: Outcome, output: TestOutput, options: ExecuteOptions) -> tuple[Status, str]:
    """Status and reason of a run that ended by itself with another exit status than 0."""
    # the words alone are no proof: a test can print them
    if output.timed_out and outcome.wall_seconds >= options.test_seconds:
        return Status.TIMED_OUT, "wall-time"
    if outcome.exit_code in (_XCPU, _KILL) and outcome.cpu_seconds >= options.test_seconds:
        return Status.TIMED_OUT, "cpu-time"
    if outcome.exit_code == _RACE_EXIT or b"WARNING: DATA RACE" in outcome.stdout + outcome.stderr:
        return Status.TESTS_FAILED, "data-race"
    if b"out of memory" in outcome.stderr or b"cannot allocate memory" in outcome.stderr:
        return Status.TESTS_FAILED, "memory-limit"
    if output.panic:
        return Status.TESTS_FAILED, "panic"
    if outcome.exit_code > 128:
        return Status.TESTS_FAILED, "killed-by-signal"
    return Status.TESTS_FAILED, "assertion" if output.failed else "exit-status"
