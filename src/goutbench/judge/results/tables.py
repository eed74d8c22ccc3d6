"""The figures of a judged comparison as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from goutbench.judge.outcome import OUTCOMES

Figures = Mapping[str, Any]


def text_of(figures: Figures) -> str:
    """Every judge's figures, agreement, and warnings."""
    lines = [f"{figures['model b']} against {figures['model a']}: rates are of the first named"]
    for judge, found in figures["judges"].items():
        lines += ["", *_of_judge(judge, found)]
    if figures["agreement"]:
        lines += ["", *_agreement(figures["agreement"])]
    if figures["cost"] is not None and len(figures["judges"]) > 1:
        lines += ["", f"cost of all judges: {figures['cost']:g}"]
    lines += [f"warning: {words}" for words in figures["warnings"]]
    return "\n".join(lines)


def _of_judge(judge: str, found: Figures) -> Iterator[str]:
    yield f"{judge} ({found['mode']}), {found['n']} items of {found['repositories']} repositories"
    for outcome in OUTCOMES:
        yield f"  {outcome:<9} {rate_text(found['outcomes'][outcome])}"
    within = found["adjusted, of these repositories"]
    yield f"  adjusted  {_interval(within, 'rate')}   (win + ½ tie) ÷ all, of items of these repositories"
    few = ": fewer than three say nothing" if found["repositories"] < 3 else ""
    yield f"  adjusted  {_interval(found['adjusted'], 'rate')}   over repositories{few}"
    yield f"  win-loss  {_interval(found['win minus loss'], 'value')}   over repositories{few}"
    low, high = (_percent(rate) for rate in found["bounds"]["win rate"])
    yield f"  all errors lost {low}, or won {high}"
    p = found["sign test p, Holm over judges"]
    yield f"  sign test of wins and losses: p = {found['sign test p']:.3g}, with Holm over judges {p:.3g}"
    if found["errors"]:
        yield "  errors: " + ", ".join(f"{name} {count}" for name, count in found["errors"].items())
    if found["where both pass"]:
        both = found["where both pass"]
        yield f"  where both pass: win {rate_text(both['win'])}, loss {rate_text(both['loss'])}"
    if found["cost"] is not None:
        tokens = found["tokens"]
        yield f"  cost {found['cost']:g}: {tokens['input']} tokens read, {tokens['output']} written"
    yield from _biases(found)
    yield from _repositories(found["by repository"])


def _biases(found: Figures) -> Iterator[str]:
    position, length = found["position"], found["length"]
    if position["first preferred"]:
        yield f"  first shown preferred: {rate_text(position['first preferred'])}, p = {position['p']:.3g}"
    if length["longer preferred"]:
        yield f"  longer preferred: {rate_text(length['longer preferred'])}, p = {length['p']:.3g}"
    yield f"  adjusted at equal length {_percent(length['controlled'])}, raw {_percent(length['raw'])}"


def _repositories(found: Figures) -> Iterator[str]:
    width = max(len(name) for name in found)
    head = "".join(f"{outcome:>22}" for outcome in OUTCOMES)
    yield f"  {'repository':<{width}}  {'n':>4}{head}"
    for name, row in found.items():
        cells = "".join(f"{_short(row[outcome]):>22}" for outcome in OUTCOMES)
        yield f"  {name:<{width}}  {row['n']:>4}{cells}"


def _agreement(found: Figures) -> Iterator[str]:
    alpha = found["Krippendorff's α"]
    yield f"agreement: Krippendorff's α {'of nothing' if alpha is None else f'{alpha:.2f}'}"
    for pair, kappa in found["Cohen's κ"].items():
        value = "of nothing" if kappa["κ"] is None else f"{kappa['κ']:.2f}, same {rate_text(kappa['same'])}"
        yield f"  {pair}: Cohen's κ {value}"


def rate_text(rate: Figures | None) -> str:
    """A rate with its counts and interval."""
    if rate is None:
        return "of nothing"
    return f"{_percent(rate['rate'])} ({rate['count']} of {rate['of']}; {_span(rate)})"


def scorecard(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as columns of equal width; the first row is the head."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _short(rate: Figures) -> str:
    return f"{_percent(rate['rate'])} [{_span(rate)}]"


def _interval(found: Figures, name: str) -> str:
    return f"{_percent(found[name])} ({_span(found)})"


def _span(found: Figures) -> str:
    return f"{100 * found['low']:.0f} to {100 * found['high']:.0f}%"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
