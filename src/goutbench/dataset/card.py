"""The dataset card (README.md): the description, and the configurations for the hub's libraries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    "code": "content of the code file",
    "code_commit": "`git log -1 --format=%H <revision> -- <code_path>`; null for a plain source tree",
    "test_path": "path of the test file",
    "test": "content of the test file, the reference test",
    "test_commit": "`git log -1 --format=%H <revision> -- <test_path>`; null for a plain source tree",
    "id": "id of the row: a hash of the repository, both paths and both contents",
    "revision": "commit or version of the repository",
    "domain": "subject of the repository, from `repos.yaml`",
    "licence": "SPDX expression for code and test at `revision`; NOASSERTION: unknown",
    "licence_file": "file with the licence of the code; null if it was declared or there is none",
    "package": "name in the package clause of the code file",
    "code_lines": "lines of `code`",
    "test_lines": "lines of `test`",
    "generated": "whether `code` has Go's header of generated files",
    "vendored": "whether the code file is below `vendor`, `_vendor`, `third_party` or `Godeps`",
    "code_first_date": "oldest committer date in `git log <revision> -- <code_path>`, UTC",
    "code_last_date": "committer date of `code_commit`, UTC",
    "test_first_date": "oldest committer date in `git log <revision> -- <test_path>`, UTC",
    "test_last_date": "committer date of `test_commit`, UTC",
    "pairing_rule": "rule that paired code and test",
    "pairing_confidence": "confidence of the rule, from 0 to 1; 1 for `same-name`",
}


@dataclass(frozen=True, slots=True)
class RepositorySummary:
    """A repository in a dataset's tables. `licences` maps an SPDX expression to (rows, evidence)."""

    pin: RepoPin
    pairs: int
    go_files: int
    rejections: Mapping[str, int]
    licences: Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """A named configuration for `datasets.load_dataset(DIR, name)`: the file of each split in the dataset."""

    name: str
    files: Mapping[str, str]


def table_one(summaries: Sequence[RepositorySummary]) -> list[tuple[str, int, str]]:
    """The paper's Table 1: repository, pairs, domain; the largest first."""
    rows = [(summary.pin.name, summary.pairs, summary.pin.domain) for summary in summaries]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def write_card(dataset: Path, summaries: Sequence[RepositorySummary]) -> None:
    """Write the dataset card, which also configures `datasets.load_dataset(DIR)`."""
    write_text(dataset / CARD, card_text(summaries))


def card_text(summaries: Sequence[RepositorySummary]) -> str:
    """The text of a dataset card: YAML for the hub, then the description."""
    total = sum(summary.pairs for summary in summaries)
    front = yaml.safe_dump(_front_matter(summaries, total), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{front}---\n\n{_body(summaries, total)}"


def write_configs(dataset: Path, configs: Sequence[DatasetConfig]) -> Path:
    """Add named configurations to a dataset's card, in the place of older ones of the name. Returns the card.

    Raises DatasetError where the card does not begin with YAML between `---` lines.
    """
    path = dataset / CARD
    try:
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        content = yaml.safe_load(front)
        existing = content["configs"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise DatasetError(
            "not a dataset card", where=str(path), hint="run `goutbench curate` again"
        ) from None
    names = {config.name for config in configs}
    content["configs"] = [config for config in existing if config["config_name"] not in names]
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
                "data_files": [{"split": "train", "path": [data_file(summary) for summary in summaries]}],
            },
            {"config_name": "rejections", "data_files": [{"split": "train", "path": REJECTIONS}]},
        ],
    }


def data_file(summary: RepositorySummary) -> str:
    """The file of a repository's pairs in a dataset."""
    return f"{DATA}/{summary.pin.name.replace('/', '__')}.parquet"


def _body(summaries: Sequence[RepositorySummary], total: int) -> str:
    counts = [(name, f"{pairs:,}", domain) for name, pairs, domain in table_one(summaries)]
    pins = []
    for summary in summaries:
        pin, by_rule = summary.pin, sorted(summary.rejections.items())
        day = pin.date.date().isoformat() if pin.date else ""
        rejections = ", ".join(f"{rule} {count:,}" for rule, count in by_rule) or "none"
        pins.append((pin.name, f"`{pin.revision}`", day, f"{summary.go_files:,}", rejections))
    licences = [
        (summary.pin.name, expression, f"{rows:,}", evidence)
        for summary in summaries
        for expression, (rows, evidence) in summary.licences.items()
    ]
    columns = [(f"`{name}`", meaning) for name, meaning in COLUMNS.items()]
    return f"""# Go source files with their unit tests

{total:,} pairs of a Go source file and its unit test file, from {len(summaries)} repositories, each at one
version. The configuration `default` contains the pairs. `rejections` lists every other Go file with the
reason why it is in no pair.

## Counts

{_table(("Repository", "Pairs", "Domain"), [*counts, ("**total**", f"**{total:,}**", "")])}

## Repositories

{_table(("Repository", "Revision", "Date", "Go files", "Rejections by rule"), pins)}

## Licences

The code belongs to its authors. Each row has its own licence (`licence`) and the file that states it
(`licence_file`), both at the revision above.

{_table(("Repository", "Licence", "Pairs", "Example of the evidence"), licences)}

## Columns

{_table(("Column", "Meaning"), columns)}

## Rebuild and verify

`repos.lock.yaml` contains the pin and the settings of every repository. With goutbench {__version__}:

```
goutbench verify .                        # rebuild from the pins and compare row by row
goutbench verify . --mirror DIR           # the same, from local git repositories
goutbench curate repos.lock.yaml --out rebuilt/
```
"""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # names in repositories may contain any character: escape line breaks and separators
    cells = [
        ["".join(c if c.isprintable() else repr(c)[1:-1] for c in cell).replace("|", "\\|") for cell in row]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *cells))
