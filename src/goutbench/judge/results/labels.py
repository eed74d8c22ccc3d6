"""Labels by people: items to a CSV file or a page, blind to model and judge; back as agreement with each."""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from goutbench.dataset.store import read_table, whole_file, write_json, write_text
from goutbench.errors import ConfigError
from goutbench.judge.items import Item
from goutbench.judge.results.figures import rate
from goutbench.judge.results.tables import rate_text, scorecard
from goutbench.judge.stage import MATCHES
from goutbench.records import short_hash
from goutbench.statistics import cohen_kappa, krippendorff_alpha

CARD = "labels.json"
COLUMNS = ("item", "repository", "path", "focal", "code", "reference", "first", "second", "label", "note")
LABELS = ("first", "second", "tie")
_LONGEST_CELL = 10_000_000


def export_labels(items: Sequence[Item], out: Path, count: int, seed: int, path: Path) -> int:
    """Write at most `count` items to be labelled, spread evenly over strata; return how many.

    A stratum is a repository and, where the folder `out` holds matches, the outcomes that its judges gave.
    Which candidate is called first is drawn by the item's id. To label, write `first`, `second` or `tie`
    into `label`; a file that ends in .html is a page to do that in, any other is CSV. Raises StorageError.
    """
    said = _outcomes(out) if (out / MATCHES).is_file() else {}
    strata: dict[tuple[str, ...], list[Item]] = defaultdict(list)
    for item in items:
        strata[item.repository, *(of.get(item.id, "") for of in said.values())].append(item)
    chosen = list(_spread(list(strata.values()), random.Random(seed)))[:count]
    rows = [_row(item) for item in chosen]
    if path.suffix == ".html":
        write_text(path, _page(rows))
    else:
        _write_csv(path, rows)
    return len(chosen)


def _write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: _plain(text) for name, text in row.items()} for row in rows)


def _page(rows: Sequence[Mapping[str, str]]) -> str:
    """A page that shows an item at a time and saves the labels as CSV; no text of an item is read as HTML."""
    template = (resources.files("goutbench.judge.results") / "labels.html").read_text("utf-8")
    return template.replace("__ITEMS__", json.dumps(rows).replace("<", "\\u003c"))


def _spread(strata: list[list[Item]], draw: random.Random) -> Iterator[Item]:
    """One item of each stratum in turn, in random order."""
    draw.shuffle(strata)
    for stratum in strata:
        draw.shuffle(stratum)
    while any(strata):
        yield from [stratum.pop() for stratum in strata if stratum]


def _row(item: Item) -> dict[str, str]:
    first, second = item.texts(_order(item.id))
    return {
        "item": item.id,
        "repository": item.repository,
        "path": item.path,
        "focal": " ".join(item.focal),
        "code": item.code,
        "reference": item.reference,
        "first": first,
        "second": second,
    }


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text.replace("\0", "")


def _order(item: str) -> str:
    """Which candidate a person is shown first."""
    return ("ab", "ba")[int(short_hash(item, "labels"), 16) % 2]


def import_labels(paths: Sequence[Path], out: Path) -> dict[str, Any]:
    """Agreement of each judge with each file's labels, and of the files with each other; kept in
    `labels.json`.

    A judge's flip or error agrees with no label. Raises ConfigError for a label that is none, or items that
    were never judged in this folder.
    """
    if not (out / MATCHES).is_file():
        raise ConfigError(f"no {MATCHES} is there", where=str(out), hint="run `goutbench judge` first")
    judges = _outcomes(out)
    people = {str(path): _read(path) for path in paths}
    known = {item for of in judges.values() for item in of}
    for path, labels in zip(paths, people.values(), strict=True):
        if not known & labels.keys():
            raise ConfigError("no item in it has a label and was judged", where=str(path), hint="see --out")
    found = {
        "judges": {
            f"{judge} and {person}": _agreement(of, labels)
            for judge, of in judges.items()
            for person, labels in people.items()
        },
        "people": _among(people),
    }
    write_json(out / CARD, found)
    return found


def _outcomes(out: Path) -> dict[str, dict[str, str]]:
    """Judge → item → outcome, of the matches in a folder."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read_table(out / MATCHES).to_pylist():
        key = (
            row["pair_id"],
            *(row["focal"] or ()),
            str(row["sample"]),
            row["candidate_a"],
            row["candidate_b"],
        )
        found[row["judge"]][short_hash(*key)] = row["outcome"]
    return dict(found)


def _read(path: Path) -> dict[str, str]:
    """Item → outcome seen from b, of the rows that have a label."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from None
    found = {}
    for number, row in enumerate(rows, 1):
        label = (row.get("label") or "").strip().lower()
        if label and label not in LABELS:
            raise ConfigError(f"no label {label!r}", where=f"{path}, item {number}", hint=f"one of {LABELS}")
        if label:
            item = str(row.get("item"))
            shown = dict(zip(("first", "second"), _order(item), strict=True))
            found[item] = {"a": "loss", "b": "win", "tie": "tie"}[shown.get(label, "tie")]
    return found


def _agreement(judge: Mapping[str, str], person: Mapping[str, str]) -> dict[str, Any]:
    both = sorted(judge.keys() & person.keys())
    theirs, ours = [judge[key] for key in both], [person[key] for key in both]
    same = sum(one == two for one, two in zip(theirs, ours, strict=True))
    settled = sum(outcome not in ("flip", "error") for outcome in theirs)
    return {
        "same": rate(same, len(both)),
        "same, of those that the judge settled": rate(same, settled),
        "κ": cohen_kappa(theirs, ours) if both else None,
    }


def _among(people: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    """Krippendorff's α of several people; None for one, or where no two labelled the same item."""
    items = sorted({item for labels in people.values() for item in labels})
    ratings = [[of[item] for of in people.values() if item in of] for item in items]
    twice = sum(len(each) > 1 for each in ratings)
    return {"n": twice, "Krippendorff's α": krippendorff_alpha(ratings)} if twice else None


def text_of(found: Mapping[str, Any]) -> str:
    """Agreement for a terminal."""
    rows = [("judge and person", "same", "κ")]
    for pair, each in found["judges"].items():
        kappa = "of nothing" if each["κ"] is None else f"{each['κ']:.2f}"
        rows.append((pair, rate_text(each["same"]), kappa))
    text = scorecard(rows)
    people = found["people"]
    if people:
        alpha = people["Krippendorff's α"]
        text += f"\npeople: Krippendorff's α {alpha:.2f} of {people['n']} items"
    return text
