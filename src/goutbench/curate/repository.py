"""One repository, from its source to pairs and rejections."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from goutbench.config import RepositoryConfig
from goutbench.curate.filters import Content, content_rejection, is_vendored, printable
from goutbench.curate.git.history import PathHistory
from goutbench.curate.licence import Licence, both, is_licence_file, is_permissive, licences
from goutbench.curate.packages import package_files, wanted_paths
from goutbench.curate.pairing.rules import Match, Pairing, is_test, pairing_rule
from goutbench.curate.sources.source import Entry, Source
from goutbench.golang.syntax.header import is_generated, package_name
from goutbench.records import PackageFile, Pair, Rejection, short_hash

# a stage's name, how much of it is done, and how much there is (None: not known)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Curated:
    """What a repository gave: each of its Go files is in a pair or in a rejection.

    `pairs`, `rejections` and `packages`, the files of the pairs' folders, stand in path order; `go_files`
    counts all paths that end in `.go`.
    """

    pairs: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]
    packages: tuple[PackageFile, ...]
    go_files: int
    licences: Mapping[str, str]  # SPDX expression → where it was read and how, an example


def curate_repository(source: Source, config: RepositoryConfig, progress: Progress) -> Curated:
    """Pair a repository's files, read them, and say of each that is left out why."""
    progress("listing", 0, None)
    entries = {entry.path: entry for entry in source.entries()}
    go = {path: entry for path, entry in entries.items() if path.endswith(b".go")}
    regular = [path for path, entry in go.items() if entry.kind == "file"]
    pairing, contents = _paired(source, config, entries, regular, progress)
    matches = pairing.matches

    contents |= _read(source, config, _needed(matches, entries) - contents.keys(), entries, progress)
    refused: dict[bytes, tuple[str, str]] = {}
    for path in sorted({path for match in matches for path in (match.code, match.test)}):
        rejection = content_rejection(contents[path], config.filters)
        if rejection is not None:
            refused[path] = rejection
    progress("reading licences", 0, None)
    found = _licences(config, matches, contents)
    if config.licence == "permissive":
        refused |= _licence_rejections(found, refused)
    kept = [match for match in matches if match.code not in refused and match.test not in refused]

    paths = {path for match in kept for path in (match.code, match.test)}
    progress("reading history", 0, None)
    history = source.history(paths, lambda seen: progress("reading history", seen, None))
    progress("writing", 0, None)
    pairs = tuple(_pair(source, config, match, contents, found[match], history) for match in kept)
    rejections = _rejections(config, go.values(), pairing, refused, paths)
    used = {licence.expression: f"{licence.file or '-'} ({licence.evidence})" for licence in found.values()}
    packages = package_files(config, [match.code for match in kept], contents)
    return Curated(pairs, rejections, packages, len(go), dict(sorted(used.items())))


def _paired(
    source: Source,
    config: RepositoryConfig,
    entries: Mapping[bytes, Entry],
    regular: Collection[bytes],
    progress: Progress,
) -> tuple[Pairing, dict[bytes, Content]]:
    """What the pairing rule says, and the contents of the files that it had to see first."""
    rule = pairing_rule(config.pairing)
    seen = rule.reads(regular)
    contents = _read(source, config, seen, entries, progress) if seen else {}
    texts = {path: content.data for path, content in contents.items() if content.state == "present"}
    return rule.pair(regular, texts), contents


def _needed(matches: list[Match], entries: Mapping[bytes, Entry]) -> set[bytes]:
    """All that is needed of a repository: paired files, those beside them, licences, modules."""
    needed = {path for match in matches for path in (match.code, match.test)}
    needed |= wanted_paths([match.code for match in matches], entries)
    return needed | {path for path in entries if is_licence_file(path)}


def _read(
    source: Source,
    config: RepositoryConfig,
    needed: Collection[bytes],
    entries: Mapping[bytes, Entry],
    progress: Progress,
) -> dict[bytes, Content]:
    """The contents of files, in one go."""
    paths = sorted(needed)
    files = [entries[path] for path in paths if entries[path].kind == "file"]
    # a licence file that is a link says nothing that could be read
    contents = {path: Content(path, entries[path].kind, 0) for path in paths if entries[path].kind != "file"}
    for done, content in enumerate(source.read(files, most=config.filters.max_bytes), start=1):
        contents[content.path] = content
        if done % 100 == 0 or done == len(paths):
            progress("reading files", done, len(paths))
    return contents


def _licences(
    config: RepositoryConfig, matches: list[Match], contents: Mapping[bytes, Content]
) -> dict[Match, Licence]:
    """The licence of each match: of its code and its test."""
    texts = {path: content for path, content in contents.items() if is_licence_file(path)}
    sources = {path: contents[path].data for match in matches for path in (match.code, match.test)}
    found = licences(sources, texts, config.declared_licence)
    return {match: both(found[match.code], found[match.test]) for match in matches}


def _licence_rejections(
    found: Mapping[Match, Licence], refused: Mapping[bytes, object]
) -> dict[bytes, tuple[str, str]]:
    """Code files without a match of permissive licence, and test files that bar a match of other code."""
    barred = {match: licence for match, licence in found.items() if not is_permissive(licence.expression)}
    free = {path for match in found.keys() - barred.keys() for path in (match.code, match.test)}
    rejections = {}
    for match, licence in barred.items():
        path = match.test if match.code in free else match.code
        if path not in free and path not in refused:
            evidence = f"{licence.file or '-'}, {licence.evidence}"
            rejections[path] = ("licence", f"{licence.expression} is not permissive: {evidence}")
    return rejections


def _pair(
    source: Source,
    config: RepositoryConfig,
    match: Match,
    contents: Mapping[bytes, Content],
    licence: Licence,
    history: Mapping[bytes, PathHistory] | None,
) -> Pair:
    code, test = contents[match.code].data, contents[match.test].data
    code_path, test_path = match.code.decode(), match.test.decode()
    code_hash, test_hash = hashlib.sha256(code).hexdigest(), hashlib.sha256(test).hexdigest()
    code_history = history[match.code] if history is not None else None
    test_history = history[match.test] if history is not None else None
    package = package_name(code)
    assert package is not None  # a file without one was rejected
    return Pair(
        sha256=code_hash,
        repository=config.name,
        file_name=code_path.rsplit("/", 1)[-1].removesuffix(".go"),
        code_path=code_path,
        code=code.decode(),
        code_commit=code_history.commit if code_history else None,
        test_path=test_path,
        test=test.decode(),
        test_commit=test_history.commit if test_history else None,
        id=short_hash(config.name, code_path, test_path, code_hash, test_hash),
        revision=source.pin.revision,
        domain=config.domain,
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
        pairing_rule=match.rule,
        pairing_confidence=match.confidence,
    )


def count_lines(text: bytes) -> int:
    """Newlines, plus one for an unterminated last line."""
    return text.count(b"\n") + (not text.endswith(b"\n") and bool(text))


def _rejections(
    config: RepositoryConfig,
    go: Iterable[Entry],
    pairing: Pairing,
    refused: Mapping[bytes, tuple[str, str]],
    paired: set[bytes],
) -> tuple[Rejection, ...]:
    """One rejection for every Go file that is in no pair."""
    partners: dict[bytes, bytes] = {}
    for match in pairing.matches:
        if match.test in refused:
            partners[match.code] = match.test
        if match.code in refused:
            partners[match.test] = match.code
    rejections = []
    for entry in sorted(go, key=lambda entry: entry.path):
        if entry.path not in paired:
            rule, reason = _why(entry, config, partners, refused, pairing.unmatched)
            rejections.append(Rejection(config.name, printable(entry.path), rule, reason))
    return tuple(rejections)


def _why(
    entry: Entry,
    config: RepositoryConfig,
    partners: Mapping[bytes, bytes],
    refused: Mapping[bytes, tuple[str, str]],
    unmatched: Mapping[bytes, str],
) -> tuple[str, str]:
    if entry.path in refused:
        return refused[entry.path]
    if entry.path in partners:
        partner = partners[entry.path]
        return "partner_rejected", f"{printable(partner)}: {refused[partner][0]}"
    if entry.kind != "file":
        rejection = content_rejection(Content(entry.path, entry.kind, 0), config.filters)
        assert rejection is not None
        return rejection
    if is_test(entry.path):
        more = f": {unmatched[entry.path]}" if entry.path in unmatched else ""
        return "no_source", f"no source file by the rule {config.pairing}{more}"
    return "no_test", f"no test file by the rule {config.pairing}"
