"""The figures of a comparison as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from goutbench.records import OUTCOMES

_Figures = Mapping[str, Any]


def format_figures(figures: _Figures) -> str:
    """The figures of each judge, the agreement between judges, and the warnings."""
    lines = [f"{figures['model b']} compared with {figures['model a']}; rates are those of the first"]
    for judge, own in figures["judges"].items():
        lines += ["", *_judge_lines(judge, own)]
    if figures["agreement"]:
        alpha = figures["agreement"]["Krippendorff's α"]
        lines += ["", f"agreement: Krippendorff's α {'undefined' if alpha is None else f'{alpha:.2f}'}"]
        for pair, own in figures["agreement"]["Cohen's κ"].items():
            kappa = "undefined" if own["κ"] is None else f"{own['κ']:.2f}, same {format_rate(own['same'])}"
            lines.append(f"  {pair}: Cohen's κ {kappa}")
    if figures["cost"] is not None and len(figures["judges"]) > 1:
        lines += ["", f"cost of all judges: {figures['cost']:g}"]
    lines += [f"warning: {warning}" for warning in figures["warnings"]]
    return "\n".join(lines)


def _judge_lines(judge: str, own: _Figures) -> Iterator[str]:
    samples = f" ({own['matches']} matches)" if own["matches"] > own["n"] else ""
    yield f"{judge} ({own['mode']}): {own['n']} items{samples} of {own['repositories']} repositories"
    for outcome in OUTCOMES:
        yield f"  {outcome:<9} {format_rate(own['outcomes'][outcome])}"
    within = own["adjusted, of these repositories"]
    few = ", too few for an interval" if own["repositories"] < 3 else ""
    value = f"{_percent(within['rate'])} ({_span(within)})"
    yield f"  adjusted  {value}   (win + ½ tie) ÷ items, for these repositories"
    for name, key, title in (("adjusted", "rate", "adjusted"), ("win minus loss", "value", "win-loss")):
        estimate = own[name]
        yield f"  {title}  {_percent(estimate[key])} ({_span(estimate)})   clustered by repository{few}"
    low, high = (_percent(bound) for bound in own["bounds"]["win rate"])
    yield f"  win rate if all errors were losses {low}, if all were wins {high}"
    adjusted = own["sign test p, Holm over judges"]
    p = own["sign test p"]
    yield f"  sign test of wins and losses: p = {p:.3g}, adjusted for all judges (Holm) {adjusted:.3g}"
    if own["errors"]:
        yield "  errors: " + ", ".join(f"{name} {count}" for name, count in own["errors"].items())
    if own["where both pass"]:
        both = own["where both pass"]
        yield f"  where both pass: win {format_rate(both['win'])}, loss {format_rate(both['loss'])}"
    if own["cost"] is not None:
        tokens = own["tokens"]
        yield f"  cost {own['cost']:g}: {tokens['input']} input tokens, {tokens['output']} output tokens"
    yield from _bias_lines(own["position"], own["length"])
    yield from _repository_lines(own["by repository"])


def _bias_lines(position: _Figures, length: _Figures) -> Iterator[str]:
    if position["first preferred"]:
        first = format_rate(position["first preferred"])
        yield f"  first in the prompt preferred: {first}, p = {position['p']:.3g}"
    if length["longer preferred"]:
        yield f"  longer preferred: {format_rate(length['longer preferred'])}, p = {length['p']:.3g}"
    yield f"  adjusted at equal length {_percent(length['controlled'])}, raw {_percent(length['raw'])}"


def _repository_lines(repositories: Mapping[str, _Figures]) -> Iterator[str]:
    width = max(len(name) for name in repositories)
    heads = "".join(f"{outcome:>22}" for outcome in OUTCOMES)
    yield f"  {'repository':<{width}}  {'n':>4}{heads}"
    for name, own in repositories.items():
        rates = [own[outcome] for outcome in OUTCOMES]
        cells = [f"{_percent(rate['rate'])} [{_span(rate)}]" for rate in rates]
        yield f"  {name:<{width}}  {own['n']:>4}" + "".join(f"{cell:>22}" for cell in cells)


def format_rate(rate: _Figures | None) -> str:
    """A rate with its counts and interval."""
    if rate is None:
        return "no items"
    count = rate["count"] if isinstance(rate["count"], int) else f"{rate['count']:.2f}"
    return f"{_percent(rate['rate'])} ({count} of {rate['of']}; {_span(rate)})"


def align_columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as columns of equal width; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _span(interval: _Figures) -> str:
    return f"{100 * interval['low']:.0f} to {100 * interval['high']:.0f}%"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
