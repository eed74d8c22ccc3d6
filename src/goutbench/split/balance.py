"""Weights and caps by repository or domain for training: in the paper's data, 37% of rows are Kubernetes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from goutbench.errors import ConfigError
from goutbench.records import short_hash
from goutbench.split.quotas import TRAIN
from goutbench.split.schemes import SplitRow


@dataclass(frozen=True, slots=True)
class Balance:
    """How to weight training rows; evaluation rows always have the weight 1.

    A stratum of n rows is sampled in proportion to n to the power of `power`: 1 changes nothing, 0 makes all
    strata equal. With `cap`, at most that many rows of a stratum are used; the others have the weight 0.
    """

    by: str = ""  # "repository" | "domain"; empty: equal weights
    power: float = 0.5
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.by not in ("", "repository", "domain"):
            what = f"cannot balance by {self.by!r}"
            raise ConfigError(what, where="--balance", hint="use `repository` or `domain`")
        if not 0 <= self.power <= 1:
            what = f"must be between 0 and 1, not {self.power}"
            raise ConfigError(what, where="--power", hint="such as 0.5")
        if self.cap is not None and self.cap < 1:
            raise ConfigError(f"must be at least 1, not {self.cap}", where="--cap", hint="such as 500")


def weights(rows: Sequence[SplitRow], splits: Sequence[str], balance: Balance, *, seed: int) -> list[float]:
    """The weight of each row. The average weight of the training rows in use is 1."""
    if not balance.by:
        return [1.0] * len(rows)
    strata = [row.repository if balance.by == "repository" else row.domain for row in rows]
    used = _within_cap(rows, strata, splits, balance.cap, seed)
    counts = Counter(strata[index] for index in used)
    shares = {name: count**balance.power for name, count in counts.items()}
    scale = len(used) / (sum(shares.values()) or 1.0)
    row_weights = [0.0 if split == TRAIN else 1.0 for split in splits]
    for index in used:
        row_weights[index] = shares[strata[index]] / counts[strata[index]] * scale
    return row_weights


def _within_cap(
    rows: Sequence[SplitRow], strata: Sequence[str], splits: Sequence[str], cap: int | None, seed: int
) -> list[int]:
    """The training rows within the cap of their stratum, chosen by the seed and their ids only."""
    order = [index for index in range(len(rows)) if splits[index] == TRAIN]
    order.sort(key=lambda index: short_hash("cap", str(seed), rows[index].id))
    counts: Counter[str] = Counter()
    used = []
    for index in order:
        if cap is None or counts[strata[index]] < cap:
            counts[strata[index]] += 1
            used.append(index)
    return used
