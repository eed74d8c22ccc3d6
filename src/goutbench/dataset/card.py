"""The dataset card (README.md): what a person reads, and where the hub's libraries find configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from goutbench import __version__
from goutbench.dataset.store import CARD, DATA, REJECTIONS, write_text
from goutbench.errors import DatasetError
from goutbench.records import RepoPin

_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
PAPER = "https://arxiv.org/abs/2511.10868"
COLUMNS = {
    "sha256": "SHA-256 of `code`",
    "repository": "`organization/repository`",
    "file_name": "base name of the code file, without extension",
    "code_path": "path of the code file",
    "code": "its full content",
    "code_commit": "`git log -1 --format=%H <revision> -- <code_path>`; null for a plain source tree",
    "test_path": "path of the test file",
    "test": "its full content: the reference test",
    "test_commit": "`git log -1 --format=%H <revision> -- <test_path>`; null for a plain source tree",
    "id": "id of the row: repository, both paths and both contents, hashed",
    "revision": "the commit (or version) that the repository was read at",
    "domain": "what the repository is about, from `repos.yaml`",
    "licence": "SPDX expression that holds for code and test, read at `revision`; NOASSERTION: not known",
    "licence_file": "the file that says so of the code; null where it was declared or none was found",
    "package": "name in the code file's package clause",
    "code_lines": "lines of `code`",
    "test_lines": "lines of `test`",
    "generated": "`code` has Go's header of generated files",
    "vendored": "the code file lies below `vendor`, `_vendor`, `third_party` or `Godeps`",
    "code_first_date": "oldest committer date in `git log <revision> -- <code_path>`, UTC",
    "code_last_date": "committer date of `code_commit`, UTC",
    "test_first_date": "oldest committer date in `git log <revision> -- <test_path>`, UTC",
    "test_last_date": "committer date of `test_commit`, UTC",
    "pairing_rule": "the rule by which code and test were paired",
    "pairing_confidence": "how sure the rule is, from 0 to 1; 1 for `same-name`",
}


@dataclass(frozen=True, slots=True)
class RepositorySummary:
    """One repository in a dataset's tables. `licences` maps an SPDX expression to (rows, evidence)."""

    pin: RepoPin
    pairs: int
    go_files: int
    rejections: Mapping[str, int]
    licences: Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Config:
    """A named configuration for `datasets.load_dataset(DIR, name)`: split → file, relative to the dataset."""

    name: str
    files: Mapping[str, str]


def table_one(summaries: Sequence[RepositorySummary]) -> list[tuple[str, int, str]]:
    """The paper's Table 1: repository, pairs, domain; the largest first."""
    rows = [(summary.pin.name, summary.pairs, summary.pin.domain) for summary in summaries]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def write_card(dataset: Path, summaries: Sequence[RepositorySummary]) -> None:
    """Write the dataset card, from which `datasets.load_dataset(DIR)` also takes its configurations."""
    write_text(dataset / CARD, card_text(summaries))


def card_text(summaries: Sequence[RepositorySummary]) -> str:
    """The text of a dataset card: YAML for the hub, then what a person reads."""
    total = sum(summary.pairs for summary in summaries)
    front = yaml.safe_dump(_front_matter(summaries, total), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{front}---\n\n{_body(summaries, total)}"


def write_configs(dataset: Path, configs: Sequence[Config]) -> Path:
    """Add named configurations to a dataset's card, in the place of older ones of the name. Returns the card.

    Raises DatasetError where the card does not begin with YAML between `---` lines.
    """
    path = dataset / CARD
    try:
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        content = yaml.safe_load(front)
        older = content["configs"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise DatasetError("not a dataset card", where=str(path), hint="curate it again") from None
    names = {config.name for config in configs}
    content["configs"] = [each for each in older if each["config_name"] not in names]
    content["configs"] += [
        {
            "config_name": config.name,
            "data_files": [{"split": split, "path": file} for split, file in config.files.items()],
        }
        for config in configs
    ]
    front = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, f"---\n{front}---\n{body}")
    return path


def _front_matter(summaries: Sequence[RepositorySummary], total: int) -> dict[str, Any]:
    return {
        "pretty_name": "Go unit tests",
        "language": ["code"],
        "license": "other",
        "license_name": "per-row",
        "license_link": "README.md",
        "task_categories": ["text-generation"],
        "tags": ["code", "go", "unit-tests"],
        "size_categories": [next((name for most, name in _CATEGORIES if total < most), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "default": True,
                "data_files": [{"split": "train", "path": [data_file(each) for each in summaries]}],
            },
            {"config_name": "rejections", "data_files": [{"split": "train", "path": REJECTIONS}]},
        ],
    }


def data_file(summary: RepositorySummary) -> str:
    """Where a repository's pairs lie in a dataset."""
    return f"{DATA}/{summary.pin.name.replace('/', '__')}.parquet"


def _body(summaries: Sequence[RepositorySummary], total: int) -> str:
    counts = [(name, f"{pairs:,}", domain) for name, pairs, domain in table_one(summaries)]
    pins = [
        (each.pin.name, f"`{each.pin.revision}`", _day(each.pin.date), f"{each.go_files:,}", _by_rule(each))
        for each in summaries
    ]
    licences = [
        (each.pin.name, expression, f"{rows:,}", evidence)
        for each in summaries
        for expression, (rows, evidence) in each.licences.items()
    ]
    columns = [(f"`{name}`", meaning) for name, meaning in COLUMNS.items()]
    return f"""# Go source files with their unit tests

{total:,} pairs of a Go source file and its unit test file, {len(summaries)} repositories, each at one
version. The configuration `default` holds the pairs; `rejections` names every other Go file, with the
reason why it is in no pair.

## Counts

{_table(("Repository", "Pairs", "Domain"), [*counts, ("**total**", f"**{total:,}**", "")])}

## Where the rows come from

{_table(("Repository", "Revision", "Date", "Go files", "Rejected, by rule"), pins)}

## Licences

The rows are their authors' work. Each row names its own licence (`licence`) and the file that says so,
both read at the revision above.

{_table(("Repository", "Licence", "Pairs", "Evidence, an example"), licences)}

## Columns

{_table(("Column", "Meaning"), columns)}

## How to rebuild and check

`repos.lock.yaml` pins every repository and holds the settings. With goutbench {__version__}:

```
goutbench verify .                        # rebuilds from the pins and compares row by row
goutbench verify . --mirror DIR           # the same, from local git directories
goutbench curate repos.lock.yaml --out rebuilt/
```
"""


def _by_rule(summary: RepositorySummary) -> str:
    return ", ".join(f"{rule} {count:,}" for rule, count in sorted(summary.rejections.items())) or "none"


def _day(date: datetime | None) -> str:
    return date.date().isoformat() if date else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell: names come from repositories, and may hold line breaks."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text).replace("|", "\\|")
