"""Read what to execute: pairs from a dataset folder, candidates from Parquet or JSON lines."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from goutbench.dataset.json_lines import clean_text, read_json_lines
from goutbench.dataset.names import name_problem
from goutbench.dataset.store import LOCK, data_files, read_table, rewrite_hint
from goutbench.errors import ConfigError, DatasetError
from goutbench.execute.ladder.faults import CGO_OFF, NOT_IN_BUILD
from goutbench.execute.workspace.settings import RepositorySettings
from goutbench.locations import REFERENCE_TABLE, dataset_bases, source_folders
from goutbench.records import REFERENCE, Candidate, Status, short_hash

MODES = ("append", "merge", "llm")
"""The modes of candidates in a file. That of reference tests is not among them: these are trusted more."""


class PairLike(Protocol):
    """The fields of a Pair that execution needs."""

    @property
    def id(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def code_path(self) -> str: ...
    @property
    def test_path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PairLocation:
    """A Pair without its texts: where its files are."""

    id: str
    repository: str
    revision: str
    code_path: str
    test_path: str


def read_locations(dataset: Path) -> dict[str, PairLocation]:
    """All pairs of the dataset by id, without their texts. Raises DatasetError."""
    columns = ("id", "repository", "revision", "code_path", "test_path")
    locations = {}
    for row in _dataset_rows(dataset, columns):
        if problem := name_problem(row):
            raise DatasetError(problem, where=str(dataset))
        locations[row["id"]] = PairLocation(**row)
    return locations


def read_sources(dataset: Path) -> dict[str, str]:
    """The source of each repository in `repos.lock.yaml`, as an existing folder where it is one.

    Executions use it for repositories that are not in the folder of repositories.
    """
    from goutbench.config import load_lock

    path = dataset / LOCK
    if not path.is_file():
        return {}
    sources = {entry.settings.name: entry.settings.source for entry in load_lock(path).repositories}
    for name, source in sources.items():
        folders = (folder for folder in source_folders(source, dataset_bases(dataset)) if folder.is_dir())
        sources[name] = str(next((folder.resolve() for folder in folders), source))
    return sources


def read_settings(dataset: Path) -> dict[str, RepositorySettings]:
    """How the tests of each repository in `repos.lock.yaml` are built and run."""
    from goutbench.config import load_lock

    path = dataset / LOCK
    if not path.is_file():
        return {}
    configs = {entry.settings.name: entry.settings.test for entry in load_lock(path).repositories}
    return {
        name: RepositorySettings(
            tuple(sorted(set(config.tags))), tuple(sorted(config.env.items())), config.short,
            config.timeout or 0.0, config.cgo,
        )
        for name, config in configs.items()
    }  # fmt: skip


def read_excluded(dataset: Path, *, cgo: bool = False) -> dict[str, str]:
    """The reason for each pair whose own reference test could not run on this machine.

    With `cgo`, and in a repository that is built with it, a reference that only lacked cgo does not count.
    One that was not in the build never does: that depends on the options, and is known without a run.
    Raises DatasetError.
    """
    path = dataset / REFERENCE_TABLE
    if not path.is_file():
        return {}
    cgo_repositories = {name for name, settings in read_settings(dataset).items() if settings.cgo}
    pairs = read_locations(dataset).values() if cgo_repositories else ()
    with_cgo = {pair.id for pair in pairs if pair.repository in cgo_repositories}
    return {
        row["id"]: f"the pair's reference test could not be run either: {row['reference_reason']}"
        for row in _rows(path, ("id", "reference_status", "reference_reason"))
        if row["reference_status"] == Status.INFRA_FAILURE
        and row["reference_reason"] != NOT_IN_BUILD
        and not (row["reference_reason"] == CGO_OFF and (cgo or row["id"] in with_cgo))
    }


def reference_candidates(dataset: Path, only: Collection[str] | None = None) -> Iterator[Candidate]:
    """The repositories' own tests as candidates, of the pair ids `only` or of all. Raises DatasetError."""
    for row in _dataset_rows(dataset, ("id", "test")):
        if only is None or row["id"] in only:
            yield text_candidate(row["id"], REFERENCE, row["test"], mode=REFERENCE)


def text_candidate(pair_id: str, model: str, code: str, *, mode: str = "append") -> Candidate:
    """A candidate from a text alone; its id is the hash of pair id, model and text."""
    try:
        data = code.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no byte stands for
        data = code.encode("utf-8", "surrogatepass")
    id = short_hash(pair_id, model, data.decode("utf-8", "replace"))
    return Candidate(id, pair_id, model, (), code, None, mode, ())


def read_candidates(path: Path, *, may_be_empty: bool = False) -> list[Candidate]:
    """Candidates from a `.parquet` file or JSON lines; `pair_id`, `model` and `code` are required.

    Bytes that are not UTF-8 stay in the code as surrogates: the candidate gets a record, not an exception.
    Raises ConfigError, with the line, for anything that is not a candidate.
    """
    if path.suffix == ".parquet" and path.is_file():
        try:
            rows = [(f"{path}, row {number}", row) for number, row in enumerate(_rows(path))]
        except DatasetError as error:
            raise ConfigError(f"not readable as Parquet: {error.what}", where=str(path)) from error
    else:
        rows = list(read_json_lines(path))
    if not rows and not may_be_empty:
        raise ConfigError("the file holds no candidates", where=str(path))
    candidates = [(where, _candidate(row, where)) for where, row in rows]
    by_id: dict[str, tuple[str, Candidate]] = {}
    for where, candidate in candidates:
        first, other = by_id.setdefault(candidate.id, (where, candidate))
        if other != candidate:
            hint = "give each candidate an id of its own, or none"
            raise ConfigError(f"the id {candidate.id!r} is that of {first}, too", where=where, hint=hint)
    return [candidate for _, candidate in candidates]


def _candidate(row: dict[str, Any], where: str) -> Candidate:
    missing = [name for name in ("pair_id", "model", "code") if not isinstance(row.get(name), str)]
    if missing:
        raise ConfigError(f"a candidate needs the text {', '.join(missing)}", where=where)
    pair_id, model, id, package = (_text(row, name, where) for name in ("pair_id", "model", "id", "package"))
    mode, focal = _text(row, "mode", where) or MODES[0], _texts(row, "focal", where)
    sample, round_number = (_number(row, name, where) for name in ("sample", "round"))
    if mode not in MODES:
        raise ConfigError(f"`mode` is not one of {', '.join(MODES)}", where=where)
    candidate = text_candidate(pair_id, model, row["code"], mode=mode)
    if not id:
        if not focal and not sample:
            return candidate
        # equal texts are distinct candidates for other functions, or as other samples
        id = short_hash(pair_id, model, clean_text(row["code"]), *focal, str(sample))
        return replace(candidate, id=id, focal=focal, sample=sample)
    return replace(
        candidate, id=id, completion_ids=_texts(row, "completion_ids", where), package=package or None,
        focal=focal, sample=sample, round=round_number,
    )  # fmt: skip


def _text(row: dict[str, Any], name: str, where: str) -> str:
    """A text of a row, empty where there is none."""
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"`{name}` is not a text", where=where)
    return clean_text(value or "")


def _texts(row: dict[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = row.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
        raise ConfigError(f"`{name}` is not a list of texts", where=where)
    return tuple(map(clean_text, value or ()))


def _number(row: dict[str, Any], name: str, where: str) -> int:
    value = row.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ConfigError(f"`{name}` is not a number from 0", where=where)
    return value or 0


def _dataset_rows(dataset: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    files = data_files(dataset)
    if not files:
        raise DatasetError(
            "the dataset has no pairs", where=str(dataset), hint="run `goutbench curate` again"
        )
    for path in files:
        yield from _rows(path, columns, hashed=True)


def _rows(path: Path, columns: tuple[str, ...] = (), *, hashed: bool = False) -> list[dict[str, Any]]:
    """The named columns of a Parquet file, or all.

    All pages are read, so that damage anywhere is detected, unless the file is `hashed`: the manifest's hash
    then says more. Raises DatasetError.
    """
    try:
        table = read_table(path, list(columns) if hashed else None)
        if missing := set(columns) - set(table.column_names):
            what = f"missing columns: {', '.join(sorted(missing))}"
            raise DatasetError(what, where=str(path), hint=rewrite_hint(path))
        rows: list[dict[str, Any]] = (table.select(columns) if columns else table).to_pylist()
    except UnicodeDecodeError as error:
        raise DatasetError(f"unreadable: {error}", where=str(path), hint=rewrite_hint(path)) from None
    return rows
