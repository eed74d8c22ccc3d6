"""Labels by people: exports items to a CSV file or a page, imports labels as agreement with each judge.

The exported items show neither the models nor what the judges answered.
"""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from goutbench.dataset.store import atomic_file, csv_cell, read_table, write_json, write_text
from goutbench.errors import ConfigError
from goutbench.judge.comparison import Comparison, ItemKey
from goutbench.judge.results.figures import rate
from goutbench.judge.results.tables import align_columns, format_rate
from goutbench.judge.stage import MATCHES
from goutbench.records import short_hash
from goutbench.statistics import cohen_kappa, krippendorff_alpha

REPORT = "labels.json"
COLUMNS = ("item", "repository", "path", "focal", "code", "reference", "first", "second", "label", "note")
LABELS = ("first", "second", "tie")
_MAX_CELL = 10_000_000
_Labels = Mapping[str, str]
"""The outcome for `model_b`, by the id of the comparison."""


def export_labels(comparisons: Sequence[Comparison], out: Path, count: int, seed: int, path: Path) -> int:
    """Write at most `count` items for a person to label, and return how many.

    Each item appears with its first sample. The items are spread evenly over strata; a stratum is a
    repository and, if the folder `out` has matches, the outcomes of its judges. The comparison's id draws
    which candidate comes first. A label is `first`, `second` or `tie`. A path that ends in .html gets a
    page to label in, any other a CSV file. Raises StorageError.
    """
    outcomes = _judge_outcomes(out) if (out / MATCHES).is_file() else {}
    first_samples: dict[ItemKey, Comparison] = {}
    for comparison in comparisons:
        first_samples.setdefault(comparison.item, comparison)
    strata: dict[tuple[str, ...], list[Comparison]] = defaultdict(list)
    for comparison in first_samples.values():
        key = (comparison.repository, *(own.get(comparison.id, "") for own in outcomes.values()))
        strata[key].append(comparison)
    chosen = list(_interleave(list(strata.values()), random.Random(seed)))[:count]
    rows = [_row(comparison) for comparison in chosen]
    if path.suffix == ".html":
        template = (resources.files("goutbench.judge.results") / "labels.html").read_text("utf-8")
        # no text of an item can end the script element
        write_text(path, template.replace("__ITEMS__", json.dumps(rows).replace("<", "\\u003c")))
    else:
        with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({name: csv_cell(text) for name, text in row.items()} for row in rows)
    return len(chosen)


def _interleave(strata: list[list[Comparison]], random_source: random.Random) -> Iterator[Comparison]:
    """One comparison of each stratum in turn, in random order."""
    random_source.shuffle(strata)
    for stratum in strata:
        random_source.shuffle(stratum)
    while any(strata):
        yield from [stratum.pop() for stratum in strata if stratum]


def _row(comparison: Comparison) -> dict[str, str]:
    first, second = comparison.texts(label_order(comparison.id))
    return {
        "item": comparison.id,
        "repository": comparison.repository,
        "path": comparison.path,
        "focal": " ".join(comparison.focal),
        "code": comparison.code,
        "reference": comparison.reference,
        "first": first,
        "second": second,
    }


def label_order(comparison_id: str) -> str:
    """The order of the candidates for a person: "ab" or "ba"."""
    return ("ab", "ba")[int(short_hash(comparison_id, "labels"), 16) % 2]


def import_labels(paths: Sequence[Path], out: Path) -> dict[str, Any]:
    """The agreement of each judge with each file, and of the files with each other; also in `labels.json`.

    A judge's flip or error agrees with no label. Between people it is Krippendorff's α, over the items that
    at least two labelled. Raises ConfigError for an unknown label, and for a file without a labelled item
    that was judged in the folder `out`.
    """
    if not (out / MATCHES).is_file():
        raise ConfigError(f"{MATCHES} not found", where=str(out), hint="run `goutbench judge` first")
    judges = _judge_outcomes(out)
    people = {str(path): _read_labels(path) for path in paths}
    judged = {comparison for own in judges.values() for comparison in own}
    for path, labels in people.items():
        if not judged & labels.keys():
            raise ConfigError(
                "no labelled item of this file was judged", where=path, hint="check --out and the labels"
            )
    labelled = sorted({comparison for labels in people.values() for comparison in labels})
    ratings = [[own[key] for own in people.values() if key in own] for key in labelled]
    shared = sum(len(labels) > 1 for labels in ratings)
    report = {
        "judges": {
            f"{judge} and {person}": _agreement(own, labels)
            for judge, own in judges.items()
            for person, labels in people.items()
        },
        "people": {"n": shared, "Krippendorff's α": krippendorff_alpha(ratings)} if shared else None,
    }
    write_json(out / REPORT, report)
    return report


def _judge_outcomes(out: Path) -> dict[str, dict[str, str]]:
    """Judge → comparison → outcome, of the matches in a folder."""
    outcomes: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read_table(out / MATCHES).to_pylist():
        key = (
            row["pair_id"],
            *(row["focal"] or ()),
            str(row["sample"]),
            row["candidate_a"],
            row["candidate_b"],
        )
        outcomes[row["judge"]][short_hash(*key)] = row["outcome"]
    return dict(outcomes)


def _read_labels(path: Path) -> dict[str, str]:
    """The rows of a file that have a label."""
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"cannot read the labels: {error}", where=str(path)) from None
    outcomes = {}
    for number, row in enumerate(rows, 1):
        label = (row.get("label") or "").strip().lower()
        if label and label not in LABELS:
            raise ConfigError(
                f"unknown label {label!r}",
                where=f"{path}, item {number}",
                hint=f"use one of: {', '.join(LABELS)}",
            )
        if label:
            comparison = str(row.get("item"))
            candidates = dict(zip(("first", "second"), label_order(comparison), strict=True))
            outcomes[comparison] = {"a": "loss", "b": "win", "tie": "tie"}[candidates.get(label, "tie")]
    return outcomes


def _agreement(judge: _Labels, person: _Labels) -> dict[str, Any]:
    both = sorted(judge.keys() & person.keys())
    by_judge, by_person = [judge[key] for key in both], [person[key] for key in both]
    same = sum(one == two for one, two in zip(by_judge, by_person, strict=True))
    decided = sum(outcome not in ("flip", "error") for outcome in by_judge)
    return {
        "same": rate(same, len(both)),
        "same, where the judge decided": rate(same, decided),
        "κ": cohen_kappa(by_judge, by_person) if both else None,
    }


def format_agreement(report: Mapping[str, Any]) -> str:
    """The agreement for a terminal."""
    rows = [("judge and person", "same", "κ")]
    for pair, own in report["judges"].items():
        kappa = "undefined" if own["κ"] is None else f"{own['κ']:.2f}"
        rows.append((pair, format_rate(own["same"]), kappa))
    text = align_columns(rows)
    people = report["people"]
    if people:
        alpha = people["Krippendorff's α"]
        text += f"\npeople: Krippendorff's α {alpha:.2f} over {people['n']} items"
    return text
