"""What describes a dataset beside its rows: the dataset card (README.md) and the Croissant metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from goutbench import __version__
from goutbench.errors import DatasetError
from goutbench.records import Pair, RepoPin
from goutbench.store import CARD, CROISSANT, DATA, REJECTIONS, file_hash, schema_of, write_json, write_text

_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_PAPER = "https://arxiv.org/abs/2511.10868"
_COLUMNS = {
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
    "licence": "SPDX expression that holds for the code file, read at `revision`; NOASSERTION: none found",
    "licence_file": "the file that says so; null where the licence was declared or none was found",
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
    total = sum(summary.pairs for summary in summaries)
    front = yaml.safe_dump(_front_matter(summaries, total), sort_keys=False, allow_unicode=True, width=100)
    write_text(dataset / CARD, f"---\n{front}---\n\n{_body(summaries, total)}")


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
        raise DatasetError("not a dataset card", where=str(path), mend="curate it again") from None
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
                "data_files": [{"split": "train", "path": [f"{DATA}/{_file(each)}" for each in summaries]}],
            },
            {"config_name": "rejections", "data_files": [{"split": "train", "path": REJECTIONS}]},
        ],
    }


def _file(summary: RepositorySummary) -> str:
    return summary.pin.name.replace("/", "__") + ".parquet"


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
    columns = [(f"`{name}`", meaning) for name, meaning in _COLUMNS.items()]
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
```
"""


def _by_rule(summary: RepositorySummary) -> str:
    return ", ".join(f"{rule} {count:,}" for rule, count in sorted(summary.rejections.items())) or "none"


def _day(date: datetime | None) -> str:
    return date.date().isoformat() if date else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_croissant(dataset: Path, summaries: Sequence[RepositorySummary]) -> None:
    """Write Croissant 1.0 metadata: the files with their hashes, and the columns."""
    files = [f"{DATA}/{_file(each)}" for each in summaries]
    newest = max((each.pin.date for each in summaries if each.pin.date), default=None)
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "go-unit-tests",
        "description": "Go source files with their unit test files.",
        "version": "1.0.0",
        "license": sorted({expression for each in summaries for expression in each.licences}),
        "url": _PAPER,
        "citeAs": f"The pairing follows Go-UT-Bench, {_PAPER}; each row names its repository and commit.",
        "creator": {"@type": "sc:Organization", "name": "the authors of the repositories named in the rows"},
        **({"datePublished": newest.date().isoformat()} if newest else {}),
        "distribution": [_file_object(dataset, file) for file in files],
        "recordSet": [_record_set(file) for file in files],
    }
    write_json(dataset / CROISSANT, content)


def _file_object(dataset: Path, file: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file,
        "name": file,
        "contentUrl": file,
        "encodingFormat": "application/x-parquet",
        "sha256": file_hash(dataset / file),
    }


def _record_set(file: str) -> dict[str, Any]:
    name = Path(file).stem
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field.name}",
                "name": field.name,
                "description": _COLUMNS[field.name],
                "dataType": _croissant_type(str(field.type)),
                "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
            }
            for field in schema_of(Pair)
        ],
    }


def _croissant_type(arrow: str) -> str:
    if arrow.startswith("timestamp"):
        return "sc:DateTime"
    return {"int64": "sc:Integer", "bool": "sc:Boolean"}.get(arrow, "sc:Text")


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
