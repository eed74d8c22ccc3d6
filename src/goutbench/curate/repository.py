"""One repository: from its source to pairs and rejections."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from goutbench.config import RepositoryConfig
from goutbench.curate.filters import Content, content_rejection, included_paths, is_vendored, printable
from goutbench.curate.git.history import PathHistory
from goutbench.curate.licence import Licence, is_licence_file, is_permissive, joint_licence, licences
from goutbench.curate.packages import package_files, package_paths
from goutbench.curate.pairing.rule import Pairing, PathPair, is_test
from goutbench.curate.pairing.rules import pairing_rule
from goutbench.curate.sources.source import Entry, RepositorySource
from goutbench.golang.syntax.header import is_generated, package_name
from goutbench.records import PackageFile, Pair, Rejection, short_hash

# the name of a step, how much of it is done, and how much there is (None: unknown)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class CuratedRepository:
    """The records of a repository: each of its Go files is in a pair or in a rejection.

    `pairs`, `rejections` and `packages` (the source files in the folders of pairs) are in path order.
    `go_files` counts all paths that end in `.go`. `licences` maps each SPDX expression to an example of its
    evidence.
    """

    pairs: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]
    packages: tuple[PackageFile, ...]
    go_files: int
    licences: Mapping[str, str]


def curate_repository(
    source: RepositorySource, config: RepositoryConfig, progress: Progress
) -> CuratedRepository:
    """Pair a repository's files, read them, and give a reason for each Go file that is in no pair."""
    progress("listing", 0, None)
    files = _Files(source, config, progress, {entry.path: entry for entry in source.entries()})
    go = {path: entry for path, entry in files.entries.items() if path.endswith(b".go")}
    included = included_paths(config, list(go))
    regular = [path for path, entry in go.items() if entry.kind == "file" and path in included]

    rule = pairing_rule(config.pairing)
    if requested := rule.reads(regular):
        files.read(requested)
    texts = {path: content.data for path, content in files.contents.items() if content.state == "present"}
    pairing = rule.pair(regular, texts)

    paired = {path for pair in pairing.pairs for path in (pair.code, pair.test)}
    beside = package_paths([pair.code for pair in pairing.pairs], files.entries)
    files.read(paired | beside | {path for path in files.entries if is_licence_file(path)})
    rejected: dict[bytes, tuple[str, str]] = {}
    for path in sorted(paired):
        rejection = content_rejection(files.contents[path], config.filters)
        if rejection is not None:
            rejected[path] = rejection
    progress("reading licences", 0, None)
    licence_of = files.licences(pairing.pairs)
    if config.licence == "permissive":
        rejected |= _licence_rejections(licence_of, rejected)
    accepted = [pair for pair in pairing.pairs if pair.code not in rejected and pair.test not in rejected]

    paths = {path for pair in accepted for path in (pair.code, pair.test)}
    outside = dict.fromkeys(go.keys() - included, ("not_included", "is in no path of include:"))
    progress("reading history", 0, None)
    history = source.history(paths, lambda commits: progress("reading history", commits, None))
    progress("writing", 0, None)
    examples = {
        licence.expression: f"{licence.file or '-'} ({licence.evidence})" for licence in licence_of.values()
    }
    return CuratedRepository(
        pairs=tuple(files.record(pair, licence_of[pair], history) for pair in accepted),
        rejections=_rejections(config, go.values(), pairing, rejected | outside, paths),
        packages=package_files(config, [pair.code for pair in accepted], files.contents),
        go_files=len(go),
        licences=dict(sorted(examples.items())),
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a repository at its pin; `contents` are those that were read so far."""

    source: RepositorySource
    config: RepositoryConfig
    progress: Progress
    entries: Mapping[bytes, Entry]
    contents: dict[bytes, Content] = field(default_factory=dict)

    def read(self, requested: Collection[bytes]) -> None:
        """Read the contents of files that were not read yet, in one request."""
        paths = sorted(set(requested) - self.contents.keys())
        regular = []
        for path in paths:
            kind = self.entries[path].kind
            if kind == "file":
                regular.append(self.entries[path])
            else:  # a licence file that is a link has no text
                self.contents[path] = Content(path, kind, 0)
        most = self.config.filters.max_bytes
        for done, content in enumerate(self.source.read(regular, most=most), start=1):
            self.contents[content.path] = content
            if done % 100 == 0 or done == len(paths):
                self.progress("reading files", done, len(paths))

    def licences(self, pairs: Collection[PathPair]) -> dict[PathPair, Licence]:
        """The licence of each pair: of its code and its test."""
        texts = {path: content for path, content in self.contents.items() if is_licence_file(path)}
        sources = {path: self.contents[path].data for pair in pairs for path in (pair.code, pair.test)}
        by_path = licences(sources, texts, self.config.declared_licence)
        return {pair: joint_licence(by_path[pair.code], by_path[pair.test]) for pair in pairs}

    def record(self, pair: PathPair, licence: Licence, history: Mapping[bytes, PathHistory] | None) -> Pair:
        """The record of an accepted pair."""
        code, test = self.contents[pair.code].data, self.contents[pair.test].data
        code_path, test_path = pair.code.decode(), pair.test.decode()
        code_hash, test_hash = hashlib.sha256(code).hexdigest(), hashlib.sha256(test).hexdigest()
        code_history = history[pair.code] if history is not None else None
        test_history = history[pair.test] if history is not None else None
        package = package_name(code)
        assert package is not None  # a file without a package clause was rejected
        return Pair(
            sha256=code_hash,
            repository=self.config.name,
            file_name=code_path.rsplit("/", 1)[-1].removesuffix(".go"),
            code_path=code_path,
            code=code.decode(),
            code_commit=code_history.commit if code_history else None,
            test_path=test_path,
            test=test.decode(),
            test_commit=test_history.commit if test_history else None,
            id=short_hash(self.config.name, code_path, test_path, code_hash, test_hash),
            revision=self.source.pin.revision,
            domain=self.config.domain,
            licence=licence.expression,
            licence_file=licence.file,
            package=package,
            code_lines=count_lines(code),
            test_lines=count_lines(test),
            generated=is_generated(code),
            vendored=is_vendored(code_path),
            code_first_date=code_history.first if code_history else None,
            code_last_date=code_history.last if code_history else None,
            test_first_date=test_history.first if test_history else None,
            test_last_date=test_history.last if test_history else None,
            pairing_rule=pair.rule,
            pairing_confidence=pair.confidence,
        )


def count_lines(text: bytes) -> int:
    """The number of newlines, plus one for an unterminated last line."""
    return text.count(b"\n") + (not text.endswith(b"\n") and bool(text))


def _licence_rejections(
    licence_of: Mapping[PathPair, Licence], rejected: Mapping[bytes, object]
) -> dict[bytes, tuple[str, str]]:
    """Code files without a permissively licensed pair, and tests that bar a pair of other permissive code."""
    barred = {pair: licence for pair, licence in licence_of.items() if not is_permissive(licence.expression)}
    allowed = {path for pair in licence_of.keys() - barred.keys() for path in (pair.code, pair.test)}
    rejections = {}
    for pair, licence in barred.items():
        path = pair.test if pair.code in allowed else pair.code
        if path not in allowed and path not in rejected:
            evidence = f"{licence.file or '-'}, {licence.evidence}"
            rejections[path] = ("licence", f"{licence.expression} is not permissive: {evidence}")
    return rejections


def _rejections(
    config: RepositoryConfig,
    go: Iterable[Entry],
    pairing: Pairing,
    rejected: Mapping[bytes, tuple[str, str]],
    accepted: set[bytes],
) -> tuple[Rejection, ...]:
    """One rejection for every Go file that is in no pair."""
    partners: dict[bytes, bytes] = {}
    for pair in pairing.pairs:
        if pair.test in rejected:
            partners[pair.code] = pair.test
        if pair.code in rejected:
            partners[pair.test] = pair.code

    def reason_for(entry: Entry) -> tuple[str, str]:
        path = entry.path
        if path in rejected:
            return rejected[path]
        if path in partners:
            return "partner_rejected", f"{printable(partners[path])}: {rejected[partners[path]][0]}"
        if entry.kind != "file":
            rejection = content_rejection(Content(path, entry.kind, 0), config.filters)
            assert rejection is not None
            return rejection
        if is_test(path):
            more = f": {pairing.unmatched[path]}" if path in pairing.unmatched else ""
            return "no_source", f"no source file by the rule {config.pairing}{more}"
        return "no_test", f"no test file by the rule {config.pairing}"

    rest = (entry for entry in go if entry.path not in accepted)
    ordered = sorted(rest, key=lambda entry: printable(entry.path).encode())
    return tuple(Rejection(config.name, printable(entry.path), *reason_for(entry)) for entry in ordered)
