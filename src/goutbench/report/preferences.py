"""What judges preferred, by repository as in the paper's Figures 4 and 5, and beside what execution says."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError
from goutbench.records import Match, Verdict
from goutbench.report.charts import rates_by_group
from goutbench.report.render import Block, fate
from goutbench.report.rows import Judged, Key, Row
from goutbench.report.tables import Cell, Table, rate_cell
from goutbench.statistics import adjusted_win_rate, wilson

Name = TypeVar("Name", bound=tuple[str, ...])
OUTCOMES = ("win", "loss", "tie", "flip", "error")
_COLOURS = dict(zip(OUTCOMES, ("#3f8f5b", "#d1722a", "#5a6b7b", "#9a4f96", "#8a7033"), strict=True))
_FATES = ("passes", "builds, fails", "does not build")
_SEEN = {"win": ("not preferred", "preferred"), "loss": ("preferred", "not preferred")}


def read_judged(folders: Iterable[Path], names: Mapping[str, str] | None = None) -> list[Judged]:
    """The matches and verdicts of judge folders; `names` (candidate id → model) goes before what they say.

    Raises ConfigError for a folder that holds none.
    """
    found = []
    for folder in folders:
        if not (folder / "matches.parquet").is_file():
            raise ConfigError("no matches.parquet is there", where=str(folder), hint="run `goutbench judge`")
        matches = [_match(row, names or {}) for row in read_table(folder / "matches.parquet").to_pylist()]
        verdicts: dict[str, list[Verdict]] = defaultdict(list)
        if (folder / "verdicts.parquet").is_file():
            for row in read_table(folder / "verdicts.parquet").to_pylist():
                verdicts[row["match_id"]].append(Verdict(**row))
        found.append(Judged(tuple(matches), {key: tuple(each) for key, each in verdicts.items()}))
    return found


def _match(row: Mapping[str, Any], names: Mapping[str, str]) -> Match:
    match = Match(**{**row, "focal": tuple(row["focal"] or ())})
    return replace(
        match,
        model_a=names.get(match.candidate_a, match.model_a),
        model_b=names.get(match.candidate_b, match.model_b),
    )


def verdicts_of(judged: Sequence[Judged]) -> dict[tuple[str, Key], tuple[str, ...]]:
    """Model and item → what judges said of that model's candidate, in a word each."""
    found: dict[tuple[str, Key], list[str]] = defaultdict(list)
    for match in (match for each in judged for match in each.matches):
        key = (match.pair_id, match.focal, match.sample)
        words = _SEEN.get(match.outcome, (match.outcome, match.outcome))
        for model, word in zip((match.model_a, match.model_b), words, strict=True):
            found[model, key].append(word)
    return {key: tuple(dict.fromkeys(words)) for key, words in found.items()}


def preference_blocks(rows: Sequence[Row], judged: Sequence[Judged]) -> list[Block]:
    """The judges' tables; without a judge, words that say so."""
    matches = [match for each in judged for match in each.matches]
    if not matches:
        words = ("No judge was asked: this page rests on execution alone. `goutbench judge` adds one.",)
        return [Block(name="judge", title="Judge", words=words)]
    return [
        Block(table=_rates(matches)),
        Block(table=_by_repository(matches)),
        *_pictures(matches),
        Block(table=_cross(rows, matches)),
    ]


def _rates(matches: Sequence[Match]) -> Table:
    table = Table(
        "preferences",
        "What the judge prefers",
        "Rates of the second model, over all matches. A flip is a pair of orders that contradict each other; "
        "adjusted is (win + ½ tie) ÷ all. The bounds take all errors as lost, or as won.",
        ("judge", "match", "n", *OUTCOMES, "adjusted", "bounds"),
        [],
    )
    for (judge, a, b), group in _grouped(matches, lambda m: (m.judge, m.model_a, m.model_b)).items():
        outcomes = [match.outcome for match in group]
        counts, count = Counter(outcomes), len(group)
        adjusted = adjusted_win_rate(outcomes)
        table.rows.append(
            [
                Cell(judge), Cell(f"{b} against {a}"), Cell(str(count)),
                *(rate_cell(counts[name], count, _ask(b, name)) for name in OUTCOMES),
                Cell(f"{100 * adjusted:.1f}%"),
                Cell(_bounds(counts, count)),
            ]
        )  # fmt: skip
        table.data.append(
            {
                "judge": judge,
                "a": a,
                "b": b,
                "n": count,
                **{o: counts[o] for o in OUTCOMES},
                "adjusted": adjusted,
            }
        )
    return table


def _bounds(counts: Counter[str], count: int) -> str:
    """The win rate with all errors lost, and with all errors won."""
    return f"{100 * counts['win'] / count:.1f} to {100 * (counts['win'] + counts['error']) / count:.1f}%"


def _by_repository(matches: Sequence[Match]) -> Table:
    table = Table(
        "preferences-by-repository",
        "Preferences by repository",
        "As in Figures 4 and 5 of the paper, with the intervals that it does not give.",
        ("judge", "match", "repository", "n", *OUTCOMES),
        [],
    )
    for (judge, a, b, repository), group in _grouped(
        matches, lambda m: (m.judge, m.model_a, m.model_b, m.repository)
    ).items():
        counts = Counter(match.outcome for match in group)
        cells = [rate_cell(counts[o], len(group), _ask(b, o) | {"repository": repository}) for o in OUTCOMES]
        table.rows.append(
            [Cell(judge), Cell(f"{b} against {a}"), Cell(repository), Cell(str(len(group))), *cells]
        )
        found = {"judge": judge, "a": a, "b": b, "repository": repository, "n": len(group)}
        table.data.append({**found, **{o: counts[o] for o in OUTCOMES}})
    return table


def _pictures(matches: Sequence[Match]) -> list[Block]:
    """The table by repository as the paper draws it: one figure for each judge and pair of models."""
    found = []
    for number, ((judge, a, b), group) in enumerate(
        _grouped(matches, lambda m: (m.judge, m.model_a, m.model_b)).items(), 1
    ):
        rows = []
        for (repository,), mine in _grouped(group, lambda m: (m.repository,)).items():
            counts = Counter(match.outcome for match in mine)
            for outcome in OUTCOMES:
                low, high = wilson(counts[outcome], len(mine))
                rate = counts[outcome] / len(mine)
                rows.append({"group": repository, "series": outcome, "rate": rate, "low": low, "high": high})
        caption = f"{b} against {a}, before {judge}: Figures 4 and 5 of the paper, with 95% intervals."
        picture = rates_by_group(rows, _COLOURS, "share of matches")
        found.append(Block(name=f"preferences-{number}", svg=picture, caption=caption))
    return found


def _cross(rows: Sequence[Row], matches: Sequence[Match]) -> Table:
    """What became of the candidates that a judge preferred, and of those it did not."""
    fates = {(row.model, row.key): fate(row) for row in rows if row.round == 0}
    table = Table(
        "judge-and-execution",
        "Judge and execution",
        "Of the candidates that a judge preferred, how many pass, and how many do not even compile.",
        ("the judge said", *_FATES),
        [],
    )
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for match in matches:
        key = (match.pair_id, match.focal, match.sample)
        words = _SEEN.get(match.outcome, (match.outcome, match.outcome))
        for model, word in zip((match.model_a, match.model_b), words, strict=True):
            counts[word][fates.get((model, key), "does not build")] += 1
    for word in sorted(counts, key=lambda name: name != "preferred"):
        total = sum(counts[word].values())
        cells = [
            Cell(
                str(counts[word][each]),
                query={"verdict": word, "fate": each},
                share=counts[word][each] / total,
            )
            for each in _FATES
        ]
        table.rows.append([Cell(word), *cells])
        table.data.append({"verdict": word, **{each: counts[word][each] for each in _FATES}})
    return table


def _ask(model: str, outcome: str) -> dict[str, str]:
    """The items of an outcome, as the list names what was said of the second model's candidate."""
    return {"model": model, "verdict": _SEEN.get(outcome, (outcome, outcome))[1]}


def _grouped(matches: Iterable[Match], key: Callable[[Match], Name]) -> dict[Name, list[Match]]:
    found: dict[Name, list[Match]] = defaultdict(list)
    for match in matches:
        found[key(match)].append(match)
    return dict(sorted(found.items()))
