"""Many candidates: subjects found, finished ones skipped, the rest run by workers, everything journalled."""

import contextlib
import queue
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from goutbench.errors import SourceError
from goutbench.execute import journal
from goutbench.execute.canary import check_canary
from goutbench.execute.inputs import PairLike
from goutbench.execute.ladder.climb import blank, empty_record, execute
from goutbench.execute.options import Options
from goutbench.execute.sandbox.choose import choose
from goutbench.execute.sandbox.command import Sandbox
from goutbench.execute.worker import Bench
from goutbench.execute.workspace.folders import Workplace, default_root, open_workplace
from goutbench.execute.workspace.prepare import Prepared, prepare_modules, toolchain_for
from goutbench.execute.workspace.subject import Subject, find_subject
from goutbench.execute.workspace.trees import Tree, find_repository, materialise, module_root
from goutbench.golang.toolchain.go import Toolchain, build_helper, find_toolchain
from goutbench.golang.toolchain.helper import HelperFault
from goutbench.records import Candidate, Execution, short_hash


@dataclass(frozen=True, slots=True)
class Site:
    """A machine made ready: its sandbox, workplace and Go."""

    sandbox: Sandbox
    place: Workplace
    toolchain: Toolchain


def open_site(*, work: Path | None = None, go: Path | None = None, unsafe: bool = False) -> Site:
    """Find Go, build the keeper, choose the sandbox, open the workplace. Raises ToolError, StorageError."""
    toolchain = find_toolchain(go)
    root = work or default_root()
    sandbox = choose(install_keeper(toolchain, root), unsafe=unsafe)
    return Site(sandbox, open_workplace(root, sandbox), toolchain)


def evaluate(
    candidates: Iterable[Candidate],
    pairs: Mapping[str, PairLike],
    *,
    repositories: Path,
    out: Path | None = None,
    options: Options | None = None,
    workers: int = 1,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    barred: Mapping[str, str] | None = None,
    unsafe: bool = False,
    on_result: Callable[[Execution], None] | None = None,
) -> list[Execution]:
    """Run every candidate and return one Execution for each, in the order of the candidates.

    `pairs` has the pair of each candidate by id; `repositories` is the cache folder, `sources` where else a
    repository may lie. With `out` every record is journalled there as soon as it is known, and what is there
    already is not run again, infrastructure failures excepted. `barred` maps pair ids whose reference could
    not be run to the reason: their candidates are infrastructure failures without running. `on_result` is
    called in this thread for each record, finished earlier or now. Raises ToolError when nothing here can
    contain the candidates (`unsafe` runs them all the same) or when the canary fails, StorageError when
    `out` or `work` cannot be written.
    """
    options = options or Options()
    site = open_site(work=work, unsafe=unsafe)
    finder = Finder(site, repositories, sources or {})
    todo = list(candidates)
    known = journal.load(out) if out else {}
    results: dict[int, Execution] = {}
    waiting: list[tuple[int, Subject]] = []
    for number, candidate in enumerate(todo):
        found = _place(candidate, pairs, finder, barred or {}, options)
        if isinstance(found, Execution):
            results[number] = found
            continue
        done = known.get(blank(candidate, found, site.sandbox, options).id)
        if done is not None and done.status != "INFRA_FAILURE":
            results[number] = done
        else:
            waiting.append((number, found))
    report = on_result or (lambda record: None)
    for number in sorted(results):
        report(results[number])
    # neighbours share compiled packages, so they go together
    waiting.sort(key=lambda item: (str(item[1].package), item[1].focal, item[0]))
    with journal.open_journal(out) if out else contextlib.nullcontext() as log:
        if log is not None:
            for record in results.values():
                if record.id not in known:
                    journal.append(log, record)
        jobs = [(number, subject, todo[number]) for number, subject in waiting]
        for number, record in _fan_out(site, options, workers, jobs):
            results[number] = record
            if log is not None:
                journal.append(log, record)
            report(record)
    return [results[number] for number in range(len(todo))]


def prepare(
    pairs: Iterable[PairLike],
    *,
    repositories: Path,
    work: Path | None = None,
    sources: Mapping[str, str] | None = None,
    unsafe: bool = False,
) -> Iterator[Prepared]:
    """Download what the pairs' modules need, with the user's GOPROXY. Raises SourceError for a repository
    that is not in the cache."""
    site = open_site(work=work, unsafe=unsafe)
    finder = Finder(site, repositories, sources or {})
    modules = set()
    for pair in pairs:
        tree = finder.tree(pair.repository, pair.revision)
        modules.add(module_root(tree, (tree.root / pair.test_path).parent))
    yield from prepare_modules(modules, site.toolchain, site.place)


class Finder:
    """Trees and subjects, each found once."""

    def __init__(self, site: Site, repositories: Path, sources: Mapping[str, str]) -> None:
        self.site = site
        self.repositories = repositories
        self.sources = sources
        self.trees: dict[tuple[str, str], Tree | SourceError] = {}

    def tree(self, repository: str, revision: str) -> Tree:
        key = (repository, revision)
        if key not in self.trees:
            try:
                path = find_repository(self.repositories, repository, self.sources.get(repository, ""))
                self.trees[key] = materialise(path, repository, revision, self.site.place)
            except SourceError as error:
                self.trees[key] = error
        found = self.trees[key]
        if isinstance(found, SourceError):
            raise found
        return found

    def subject(self, pair: PairLike) -> Subject:
        tree = self.tree(pair.repository, pair.revision)
        subject = find_subject(tree, pair.code_path, pair.test_path, self.site.toolchain)
        if tree.goroot is not None:
            return replace(subject, toolchain=find_toolchain(tree.goroot / "bin" / "go"))
        return replace(subject, toolchain=toolchain_for(subject.module, self.site.toolchain, self.site.place))


def _place(
    candidate: Candidate,
    pairs: Mapping[str, PairLike],
    finder: Finder,
    barred: Mapping[str, str],
    options: Options,
) -> Subject | Execution:
    """The candidate's subject, or the record that says why it has none."""
    pair = pairs.get(candidate.pair_id)
    if pair is None:
        return _lost(candidate, options, "unknown-pair", f"no pair has the id {candidate.pair_id}")
    if pair.id in barred:
        return _lost(candidate, options, "reference-cannot-run", barred[pair.id])
    try:
        return finder.subject(pair)
    except SourceError as error:
        return _lost(candidate, options, "no-source", str(error))


def _lost(candidate: Candidate, options: Options, reason: str, words: str) -> Execution:
    key = short_hash("lost", candidate.id, candidate.pair_id, reason)
    return replace(empty_record(candidate, key, options), reason=reason, evidence=words)


def _fan_out(
    site: Site, options: Options, workers: int, jobs: list[tuple[int, Subject, Candidate]]
) -> Iterator[tuple[int, Execution]]:
    """Run the jobs on `workers` threads (the work is in other processes); results as they come."""
    if not jobs:
        return
    salt = secrets.token_bytes(16)
    with contextlib.ExitStack() as stack:
        free: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        benches = [Bench(site.place, site.sandbox, options, number, salt) for number in range(workers)]
        for bench in benches:
            stack.enter_context(closing(bench))
            free.put(bench)
        check_canary(benches[0], site.toolchain)
        for bench in benches:
            _warm(bench, [subject for _, subject, _ in jobs])
        finished: queue.SimpleQueue[tuple[int, Execution] | BaseException] = queue.SimpleQueue()

        def work(number: int, subject: Subject, candidate: Candidate) -> None:
            bench = free.get()
            try:
                finished.put((number, execute(bench, subject, candidate)))
            except BaseException as error:  # the main thread raises it again
                finished.put(error)
            finally:
                free.put(bench)

        pool = ThreadPoolExecutor(workers)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        for job in jobs:
            pool.submit(work, *job)
        for _ in jobs:
            result = finished.get()
            if isinstance(result, BaseException):
                raise result
            yield result


def _warm(bench: Bench, subjects: list[Subject]) -> None:
    """Load every package with one `go list` for each module, and not one for each package.

    One bench after the other: two at once would compile the same dependencies twice.
    """
    modules: dict[tuple[Toolchain, Path], dict[Path, Subject]] = {}
    for subject in subjects:
        modules.setdefault((subject.toolchain, subject.module), {})[subject.package] = subject
    for packages in modules.values():
        # what cannot be loaded gets its record when its turn comes
        with contextlib.suppress(HelperFault):
            bench.helper(next(iter(packages.values()))).warm(sorted(packages))


def install_keeper(toolchain: Toolchain, root: Path) -> Path:
    """A copy of the keeper where sandboxed users may run it."""
    built = build_helper(toolchain, "keeper")
    target = root.resolve() / "bin" / built.parent.name
    if not target.exists():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        shutil.copyfile(built, draft)
        draft.chmod(0o755)
        draft.replace(target)
    return target
