"""reproduce: the code before a bug fix and the message of the fix; a model writes a test that fails before
the fix and passes after it."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath

from goutbench.curate.git.repository import Repository, commit_facts
from goutbench.errors import ConfigError
from goutbench.execute.inputs import text_candidate
from goutbench.execute.options import ExecuteOptions
from goutbench.records import REFERENCE, Execution, Pair, Status, short_hash
from goutbench.tasks.draw import draw_evenly
from goutbench.tasks.kinds.bug_fixes import BugFix, find_bug_fixes
from goutbench.tasks.kinds.kind import Job, Proof, Proposal, location_before, location_of
from goutbench.tasks.kinds.repair import OpenRepository
from goutbench.tasks.rule import Rule

_FAILS = frozenset({Status.TESTS_FAILED, Status.TIMED_OUT})
_FILES = r"Stat|Lstat|ReadDir|WalkDir|Walk|Glob|DirFS|CopyFS|OpenRoot|NewFile|Getdents\w*|ReadDirent"
_PACKAGES = "os|os/exec|syscall|io/fs|io/ioutil|path/filepath|runtime|runtime/debug|log"
_TELLS_STATES_APART = "|".join((
    r"//go:(?:embed|linkname)|\*\.go\b|[\"`]\.?go[\"`]",
    # packages that read sources and binaries, and these under another name
    r"\"go/\w+(?:/\w+)?\"|\"debug/\w+\"|\"golang\.org/x/tools/[^\"]*\"|\"plugin\"",
    rf"(?:\b(?!import\b)[A-Za-z]\w*|\.)[ \t]+[\"`](?:{_PACKAGES})[\"`]",
    r"\bruntime\.(?:Caller|Callers|Stack|FuncForPC|CallersFrames)\b|\bCallersFrames\b|\bFuncForPC\b",
    r"\bdebug\.(?:Stack|PrintStack|ReadBuildInfo|SetCrashOutput|WriteHeapDump)\b",
    r"\bos\.(?:Executable|Args)\b|/proc/|\blog\.(?:Llongfile|Lshortfile)\b",
    rf"\b(?:os|filepath|fs|ioutil|syscall|unix)\.(?:{_FILES})\b|\.(?:Readdir|Readdirnames|ReadDir)\(",
    r"\bOpen(?:File)?\([ \t]*[\"`]\.{0,2}/?[\"`]",
))  # fmt: skip
_MOST_FIXES = 1000
"""Fixes of a repository that are read: each costs two calls of git."""


@dataclass(frozen=True, slots=True)
class Reproduce:
    """The kind "reproduce" of the repositories of these pairs. A fix is of a file that one of them has."""

    candidates: Sequence[Pair]
    open_repository: OpenRepository
    seed: int
    name: str = "reproduce"
    mutants: bool = False
    _fixes: dict[str, BugFix] = field(default_factory=dict)

    def pairs(self) -> Sequence[Pair]:
        by_path = {(pair.repository, pair.code_path): pair for pair in self.candidates}
        revisions = {pair.repository: pair.revision for pair in self.candidates}
        fixed: dict[str, Pair] = {}
        for name, revision in sorted(revisions.items()):
            repository = self.open_repository(name)
            fixes = find_bug_fixes(repository, revision) if repository is not None else iter(())
            for fix in islice(fixes, _MOST_FIXES):
                today = by_path.get((name, fix.path))
                if repository is not None and today is not None and today.test_path == fix.test_path:
                    pair = _pair_of_fix(repository, fix, today)
                    fixed[pair.id] = pair
                    self._fixes[pair.id] = fix
        if not fixed:
            hint = "give a dataset of git repositories with their history"
            raise ConfigError("no commit that fixes a bug", where="--kind reproduce", hint=hint)
        order = draw_evenly({id: (pair.repository, "") for id, pair in fixed.items()}, 0, self.seed)
        return [fixed[id] for id in order]

    def today(self) -> Mapping[str, str]:
        """The ids of the dataset's pairs of the same files, by the ids of the pairs of fixes."""
        by_path = {(pair.repository, pair.code_path): pair.id for pair in self.candidates}
        return {id: by_path[fix.repository, fix.path] for id, fix in self._fixes.items()}

    def proposals(self, pair: Pair) -> Iterator[Proposal]:
        fix, repository = self._fixes[pair.id], self.open_repository(pair.repository)
        assert repository is not None  # it has the fix
        before = _file(repository, fix.parent, fix.path)
        if before.strip():
            yield Proposal(pair, before, fix.parent, fix.message)

    def start_job(self, proposal: Proposal) -> Job:
        """The reference test before the fix."""
        pair = proposal.pair
        location = location_before(pair.id, location_of(pair), proposal.start_revision)
        return text_candidate(location.id, REFERENCE, pair.test, mode=REFERENCE), location

    def reference_objection(self, rule: Rule, pair: Pair, reference: Execution) -> str:
        return rule.objection_to_use(pair, reference)

    def start_objection(self, proof: Proof) -> str:
        if reads_sources(proof.proposal.pair.test, proof.proposal.pair.code_path):
            return "the reference test reads sources"
        if fails_every_time([proof.start]):
            return ""
        if proof.start.status in _FAILS:
            return "the reference test before the fix: failed once"
        return f"the reference test before the fix: {proof.start.reason or proof.start.status.label}"


def fails_every_time(executions: Sequence[Execution]) -> bool:
    """Whether a test ran and failed in each of these executions, at least twice in all, in the same way.

    One failure can be chance, and one time-out a busy machine's.
    """
    ends = {(record.status, record.failed) for record in executions}
    attempts = sum(record.attempts for record in executions)
    return attempts > 1 and len(ends) == 1 and executions[0].status in _FAILS


def options_before_fixes(options: ExecuteOptions) -> ExecuteOptions:
    """The options for tests of this kind, before a fix and after it: without the file's text, and without
    mutants."""
    return replace(options, mutants=None, hide_focal=True)


def reads_sources(test: str, code_path: str) -> bool:
    """Whether a test may tell the states before and after a fix apart by their text.

    A model knows the text before the fix, so a test that fails where it reads this text reproduces nothing.
    This is a filter on what a test names, not a proof: it also rejects honest tests that look at files, and
    misses what a test puts together. Whatever it names,
    its runs do not have the text of the focal file.
    """
    name = re.escape(PurePosixPath(code_path).name)
    return re.search(rf"{_TELLS_STATES_APART}|\b{name}\b", test) is not None


def _pair_of_fix(repository: Repository, fix: BugFix, today: Pair) -> Pair:
    """The pair at the commit of a fix; licence and domain are those of the file's pair in the dataset."""
    code, test = (_file(repository, fix.commit, path) for path in (fix.path, fix.test_path))
    _, date = commit_facts(repository, fix.commit)
    return replace(
        today, id=short_hash("reproduce", fix.repository, fix.commit, fix.path), revision=fix.commit,
        code=code, test=test, sha256=hashlib.sha256(code.encode("utf-8", "surrogateescape")).hexdigest(),
        code_commit=fix.commit, test_commit=fix.commit, code_last_date=date, test_last_date=date,
        code_lines=len(code.splitlines()), test_lines=len(test.splitlines()),
    )  # fmt: skip


def _file(repository: Repository, revision: str, path: str) -> str:
    return repository.output("cat-file", "blob", f"{revision}:{path}").decode("utf-8", "surrogateescape")
