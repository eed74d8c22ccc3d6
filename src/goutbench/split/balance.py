"""Weights or caps by repository or domain for training: in the paper's data 37% is Kubernetes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.errors import ConfigError
from goutbench.records import short_hash
from goutbench.split.quotas import TRAIN
from goutbench.split.schemes import Row


@dataclass(frozen=True, slots=True)
class Balance:
    """How to weigh training rows; evaluation rows always count 1.

    A stratum of n rows is drawn in proportion to n to the power of `power`: 1 changes nothing, 0 makes all
    strata equal, 0.5 lies between. With `cap`, a stratum keeps that many rows at most; the others weigh 0.
    """

    by: str = ""  # "repository" | "domain"; empty: all rows weigh the same
    power: float = 0.5
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.by not in ("", "repository", "domain"):
            what = f"cannot balance by {self.by!r}"
            raise ConfigError(what, where="--balance", hint="`repository` or `domain`")
        if not 0 <= self.power <= 1:
            raise ConfigError(f"{self.power} is no power from 0 to 1", where="--power", hint="such as 0.5")
        if self.cap is not None and self.cap < 1:
            raise ConfigError("a cap keeps one row at least", where="--cap", hint="such as 500")


def weights(rows: Sequence[Row], splits: Sequence[str], balance: Balance, *, seed: int) -> list[float]:
    """The weight of each row; of the training rows that are kept they are 1 on average."""
    if not balance.by:
        return [1.0] * len(rows)
    strata = [row.repository if balance.by == "repository" else row.domain for row in rows]
    kept = _kept(rows, strata, splits, balance.cap, seed)
    counts = Counter(strata[index] for index in kept)
    drawn = {name: count**balance.power for name, count in counts.items()}
    scale = len(kept) / (sum(drawn.values()) or 1.0)
    found = [0.0 if split == TRAIN else 1.0 for split in splits]
    for index in kept:
        found[index] = drawn[strata[index]] / counts[strata[index]] * scale
    return found


def _kept(
    rows: Sequence[Row], strata: Sequence[str], splits: Sequence[str], cap: int | None, seed: int
) -> list[int]:
    """Training rows within the cap of their stratum; which ones depends on the seed and their ids only."""
    order = [index for index in range(len(rows)) if splits[index] == TRAIN]
    order.sort(key=lambda index: short_hash("cap", str(seed), rows[index].id))
    taken: Counter[str] = Counter()
    kept = []
    for index in order:
        if cap is None or taken[strata[index]] < cap:
            taken[strata[index]] += 1
            kept.append(index)
    return kept
