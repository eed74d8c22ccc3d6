"""What `tools/fuzz.py` fuzzes: one function for each parser of untrusted bytes.

They come from a repository, a candidate, a model or a damaged disk. A function raises for a fault of ours,
and for nothing that the bytes are to blame for.
"""

import contextlib
import functools
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from goutbench.assemble.package_context import package_context
from goutbench.assemble.stage import assemble
from goutbench.chunk.stage import chunk_file, function_chunks
from goutbench.chunk.tokens import token_counter
from goutbench.config import CurateConfig, Lock, load_yaml
from goutbench.curate.filters import Content
from goutbench.curate.git.objects import GitObject, ObjectReader, TreeReader
from goutbench.curate.git.repository import Repository
from goutbench.curate.licence import is_permissive, licences, normalised
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_manifest
from goutbench.errors import ConfigError, GoutbenchError, SourceError, without_user_info
from goutbench.execute.inputs import read_candidates
from goutbench.execute.journal import open_journal, write_table
from goutbench.execute.ladder.coverage import focal_spans, merge, read_profile
from goutbench.execute.ladder.record import empty_record, identity
from goutbench.execute.ladder.runs import classify
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.sandbox.command import Outcome, RunReport
from goutbench.execute.sandbox.no_sandbox import NoSandbox
from goutbench.execute.workspace.folders import Workspace
from goutbench.execute.workspace.go_work import usable_go_work
from goutbench.execute.workspace.prepare import toolchain_for
from goutbench.execute.workspace.trees import materialise
from goutbench.golang.analysis.assertions import checks_of
from goutbench.golang.analysis.build_constraints import builds_on_linux, exclusion_reason
from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.analysis.registrations import registration
from goutbench.golang.syntax.modfile import read_module
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.cover_blocks import named_blocks
from goutbench.golang.toolchain.helper import GoHelper, build_helper
from goutbench.golang.toolchain.installation import find_toolchain
from goutbench.golang.toolchain.mutation import plan_mutation
from goutbench.golang.toolchain.test_output import evidence, failed_test, parse_output
from goutbench.golang.toolchain.testwitness import WitnessReport, read_witness
from goutbench.golang.toolchain.typecheck import TypecheckRequest, typecheck
from goutbench.inference.batch.replies import BatchReplies
from goutbench.judge.requests import Labels
from goutbench.judge.verdict import UnreadableReply, parse_reply
from goutbench.locations import foreign_git
from goutbench.prompts.secrets import find_secrets
from goutbench.records import Candidate, Execution

Target = Callable[[bytes], None]
LABELS = Labels("BCDFGHJK", "LMNPQRST", "VWXZ2345", "6789BCDF")
CALC = (
    b'package calc\n\nimport "errors"\n\nfunc Add(a, b int) int { return a + b }\n\nvar E = errors.New("e")\n'
)


def cover_profile(data: bytes) -> None:
    """The cover profile that a test binary writes."""
    text = data.decode("utf-8", "replace")
    for coverage in (read_profile(text, "calc.go"), read_profile(text, "calc.go", {})):
        inside = merge([coverage, coverage]).within(CALC, focal_spans(CALC, ("Add",)))
        numbers = (coverage.statements, coverage.covered, inside.statements, inside.covered)
        if max(numbers, default=0) >= 1 << 63:
            raise OverflowError("a number that no table can hold")
        assert coverage.unreached is not None
        inside.beyond(coverage).reaches((5, 30))


def test_frames(data: bytes) -> None:
    """What a test binary prints, and how it ends."""
    stdout, _, stderr = data.partition(b"\xff")
    tests = ("TestAdd", "ExampleAdd")
    witnessed = read_witness(data)
    output = parse_output(witnessed.frames or stdout, stdout, stderr).only(tests)
    failed_test(evidence(stdout, stderr), tests)
    reports = (RunReport(len(data) % 256, 1.0, 1.0, "", ""),)
    for code in (0, 1, 66, 137):
        outcome = Outcome(code, stdout, stderr, "", 1.0, reports=reports)
        classify(outcome, witnessed, tests, cover=True, options=ExecuteOptions())
        classify(outcome, WitnessReport(stdout, own=""), tests, cover=True, options=ExecuteOptions())
    assert output.seen <= set(tests)


def candidates_file(data: bytes) -> None:
    """A file of candidates, as JSON lines or Parquet, up to the table of their executions."""
    ending = ".parquet" if data.startswith(b"PAR1") else ".jsonl"
    with _folder() as folder:
        path = folder / f"candidates{ending}"
        path.write_bytes(data)
        with contextlib.suppress(ConfigError):
            _execute_nothing(read_candidates(path), folder)


def _execute_nothing(candidates: list[Candidate], folder: Path) -> None:
    """The records that these candidates get before their first step, in a journal and in a table."""
    options, records = ExecuteOptions(), []
    with open_journal(folder) as journal:
        for candidate in candidates:
            names = (candidate.id, candidate.mode, *candidate.focal)
            key = identity(candidate.code, "", "", names, "", "", options)
            records.append(empty_record(candidate, key, options))
            journal.add(key, records[-1])
    if records:
        write_table(folder / "executions.parquet", records)


def journal(data: bytes) -> None:
    """The journal of an execution that was killed, on a disk that damages files."""
    with _folder() as folder:
        (folder / "executions.jsonl").write_bytes(data)
        with contextlib.suppress(GoutbenchError), open_journal(folder) as opened:
            records = list(opened.records.values())
            if records:
                write_table(folder / "executions.parquet", records)
                read_records(folder / "executions.parquet", Execution)


def helper_answer(data: bytes) -> None:
    """The answer of the Go helper, which shares its sandbox with compilers of hostile code."""
    with _folder() as folder:
        file = folder / "calc.go"
        file.write_bytes(CALC + b"//line x.go:1\n")
        answer = folder / "answer"
        answer.write_bytes(data.replace(b"\n", b" ") + b"\n")
        command = ["/bin/sh", "-c", 'while read -r line; do cat "$0"; done', str(answer)]
        with GoHelper(_toolchain(), {"PATH": "/bin:/usr/bin"}, command=command) as helper:
            typecheck(helper, TypecheckRequest(folder, "calc_test.go", b"package calc\n"))
            named_blocks(helper, file, file.read_bytes())
            plan = plan_mutation(helper, folder, file)
            plan.environment(1)


def module_files(data: bytes) -> None:
    """go.mod and go.work."""
    read_module(data.decode("utf-8", "surrogateescape"))
    with _folder() as folder:
        for name in ("go.mod", "go.work"):
            (folder / name).write_bytes(data)
        workspace = Workspace(folder / "workspace")
        toolchain_for(folder / "go.mod", _toolchain(), workspace)
        workspace.root.mkdir()
        with contextlib.suppress(SourceError):
            usable_go_work(folder / "go.work", folder.resolve(), _toolchain(), workspace, _no_sandbox())


def git_objects(data: bytes) -> None:
    """Trees and commits, as git stores them."""

    class Reader(ObjectReader):
        def read_one(self, oid: str) -> GitObject:
            return GitObject(oid, "present", len(data), data)

    reader = TreeReader(Reader(Repository("o/r", Path("/"), partial=False)), oid_bytes=20)
    reader.entry(b"\0" * 20, b"a/b.go")
    with contextlib.suppress(SourceError):
        reader.root("0" * 40)


def git_repository(data: bytes) -> None:
    """A git directory whose configuration, HEAD, root tree and commit are these bytes."""
    config, head, tree, commit = (data.split(b"\xfe") + [b""] * 4)[:4]
    with _folder() as folder:
        git_dir = folder / "r.git"
        for name in ("objects", "refs/heads"):
            (git_dir / name).mkdir(parents=True)
        blob = _object(git_dir, b"blob", CALC)
        tree_id = _object(git_dir, b"tree", tree or b"100644 calc.go\0" + bytes.fromhex(blob))
        header = f"tree {tree_id}\n".encode() + (
            commit or b"author a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx"
        )
        commit_id = _object(git_dir, b"commit", header)
        (git_dir / "config").write_bytes(config)
        (git_dir / "HEAD").write_bytes(head or b"ref: refs/heads/main\n")
        (git_dir / "refs/heads/main").write_text(f"{commit_id}\n")
        config_of_run = load_yaml(_repos_yaml(folder, git_dir), CurateConfig).repositories[0]
        with contextlib.suppress(GoutbenchError):
            source = open_source(config_of_run, SourceLocations((), folder), None, lambda what: None)
            entries = source.entries()
            list(source.read([entry for entry in entries if entry.kind == "file"], most=10_000))
            source.history([entry.path for entry in entries], lambda done: None)
        with contextlib.suppress(GoutbenchError):
            materialise(git_dir, "o/r", commit_id, Workspace(folder / "workspace"))
    foreign_git._view.cache_clear()  # else it lasts as long as this process


def _object(git_dir: Path, kind: bytes, content: bytes) -> str:
    data = b"%s %d\0%s" % (kind, len(content), content)
    oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = git_dir / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(data))
    return oid


def _repos_yaml(folder: Path, source: Path) -> Path:
    path = folder / "repos.yaml"
    path.write_text(f"repositories:\n  - name: o/r\n    source: {source}\n")
    return path


def go_syntax(data: bytes) -> None:
    """A Go file of a repository or of a candidate."""
    file = parse(data)
    file_outline(file)
    code_features(file)
    style_of(file)
    pure_functions(file)
    registration(file)
    checks_of(file)
    exclusion_reason("a_test.go", data, "linux", "amd64")
    builds_on_linux("a_test.go", data)


def chunks(data: bytes) -> None:
    """A Go file of a repository, cut into the pieces that prompts show."""
    counter = token_counter("bytes")
    half = len(data) // 2
    chunk_file(data, counter=counter, budget=100, shorten=True)
    function_chunks(data[:half], tests=data[half:], counter=counter, budget=200)


def model_reply(data: bytes) -> None:
    """A model's reply, assembled into a test file."""
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace") if _valid(data) else ""
    text = text or data.decode("utf-8", "replace")
    for mode in ("merge", "append"):
        code = assemble([text, text[: len(text) // 2]], mode=mode, context=_context()).code
        code.encode("utf-8")


def _valid(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def batch_results(data: bytes) -> None:
    """A result file of a batch, which hosted services and vLLM write."""
    with _folder() as folder:
        path = folder / "results.jsonl"
        path.write_bytes(data)
        with contextlib.suppress(ConfigError):
            BatchReplies.read([path]).check({"a"})


def judge_verdict(data: bytes) -> None:
    """A judge's reply."""
    text = data.decode("utf-8", "replace")
    for parser in ("winner", "scores"):
        with contextlib.suppress(UnreadableReply):
            parsed = parse_reply(parser, text, LABELS)
            assert parsed.position in ("first", "second", "tie")


def dataset_files(data: bytes) -> None:
    """The lock and the manifest of a dataset that somebody else published, and its tables."""
    with _folder() as folder:
        for name in ("repos.lock.yaml", "manifest.json", "candidates.parquet"):
            (folder / name).write_bytes(data)
        with contextlib.suppress(GoutbenchError):
            load_yaml(folder / "repos.lock.yaml", Lock)
        with contextlib.suppress(GoutbenchError):
            load_yaml(folder / "repos.lock.yaml", CurateConfig)
        with contextlib.suppress(GoutbenchError):
            read_manifest(folder)


def licence_texts(data: bytes) -> None:
    """A licence file, a declared licence, and texts in which secrets are looked for."""
    text = data.decode("utf-8", "replace")
    for expression in filter(None, (normalised(text), text if normalised(text) else None)):
        is_permissive(expression)
    with contextlib.suppress(ValueError):
        find_secrets(text)
    without_user_info(text)
    licences({b"a.go": data}, {b"LICENSE": Content(b"LICENSE", "present", len(data), data)}, None)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        cover_profile, test_frames, candidates_file, journal, helper_answer, module_files, git_objects,
        git_repository, go_syntax, chunks, model_reply, batch_results, judge_verdict, dataset_files,
        licence_texts,
    )
}  # fmt: skip


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_shared_memory(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@functools.cache
def _shared_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@functools.cache
def _toolchain() -> Any:
    return find_toolchain()


@functools.cache
def _context() -> Any:
    return package_context(CALC, (), "example.com/calc")


@functools.cache
def _no_sandbox() -> Any:
    return NoSandbox(build_helper(_toolchain(), "sandboxinit"))
