"""What judging cost: the price of each judge's model, and sums of verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from goutbench.config import Price, load_yaml
from goutbench.errors import ConfigError
from goutbench.judge.folder import Juror
from goutbench.records import Verdict

Prices = Mapping[str, Price]
"""The price of each model that has one."""

NO_PRICES: Prices = MappingProxyType({})


def read_prices(words: Sequence[str], jurors: Sequence[Juror]) -> Prices:
    """Prices from `FILE`, which is of the one model that judges, or `MODEL=FILE`. Raises ConfigError."""
    models = list(dict.fromkeys(juror.model for juror in jurors))
    found = {}
    for word in words:
        model, _, path = word.rpartition("=")
        if not model and len(models) > 1:
            what = f"one price for {len(models)} models"
            raise ConfigError(what, where=f"--price {word}", hint="say MODEL=FILE for each")
        if model and model not in models:
            hint = f"one of: {', '.join(models)}"
            raise ConfigError(f"no judge has the model {model!r}", where=f"--price {word}", hint=hint)
        price = load_yaml(Path(path), Price)
        found.update(dict.fromkeys([model] if model else models, price))
    return found


def priced(verdicts: Sequence[Verdict], price: Price | None) -> list[Verdict]:
    """The verdicts with what each cost: an answer that could not be read was paid for as well."""
    return [
        replace(each, cost=price.of(each.input_tokens, each.output_tokens))
        if price is not None and (each.input_tokens or each.output_tokens)
        else each
        for each in verdicts
    ]


def total_cost(verdicts: Sequence[Verdict]) -> float | None:
    """The sum of what is known; None where nothing is."""
    costs = [each.cost for each in verdicts if each.cost is not None]
    return round(sum(costs), 9) if costs else None
