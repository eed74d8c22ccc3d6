"""The costs of judging: the price of each judge model, and sums over verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from goutbench.config import Price, load_yaml
from goutbench.errors import ConfigError
from goutbench.judge.config import Judge
from goutbench.records import Verdict

Prices = Mapping[str, Price]
"""The price of each model that has one."""

NO_PRICES: Prices = MappingProxyType({})


def read_prices(options: Sequence[str], judges: Sequence[Judge]) -> Prices:
    """The prices of `FILE`, for a panel with one model, or of `MODEL=FILE`. Raises ConfigError."""
    models = list(dict.fromkeys(judge.model for judge in judges))
    prices: dict[str, Price] = {}
    for option in options:
        model, _, path = option.rpartition("=")
        if not model and len(models) > 1:
            raise ConfigError(
                f"one price for {len(models)} models",
                where=f"--price {option}",
                hint="give --price MODEL=FILE for each model",
            )
        if model and model not in models:
            hint = f"use one of: {', '.join(models)}"
            raise ConfigError(f"no judge has the model {model!r}", where=f"--price {option}", hint=hint)
        price = load_yaml(Path(path), Price)
        prices.update(dict.fromkeys([model] if model else models, price))
    return prices


def with_costs(verdicts: Iterable[Verdict], price: Price | None) -> list[Verdict]:
    """The verdicts with their costs; an unreadable reply costs as much as a verdict."""
    return [
        replace(verdict, cost=price.of(verdict.input_tokens, verdict.output_tokens))
        if price is not None and (verdict.input_tokens or verdict.output_tokens)
        else verdict
        for verdict in verdicts
    ]


def total_cost(verdicts: Iterable[Verdict]) -> float | None:
    """The sum of the costs; None if no verdict has one."""
    costs = [verdict.cost for verdict in verdicts if verdict.cost is not None]
    return round(sum(costs), 9) if costs else None
