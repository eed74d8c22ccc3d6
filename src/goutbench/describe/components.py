"""Figure 1 of the paper: the first principal components of embeddings of the code, and what they follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goutbench.embeddings import Embedder
from goutbench.records import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Components:
    """`points`: the first two principal components of each pair's code. `explained`: the share of the
    embedding's variance that each explains. `lines` and `log_lines`: Spearman's and Pearson's correlation of
    each with the lines of code, and with their logarithm."""

    points: "NDArray[np.float64]"
    explained: tuple[float, float]
    lines: tuple[float, float]
    log_lines: tuple[float, float]


def components(pairs: Sequence[Pair], embed: Embedder) -> Components | None:
    """Principal components by singular values (Pearson 1901); None for fewer than three pairs.

    The sign of a component says nothing; it is chosen so that the component grows with the lines.
    """
    import numpy as np
    from scipy.stats import spearmanr

    if len(pairs) < 3:
        return None
    vectors = np.asarray(embed([pair.code for pair in pairs]), dtype=np.float64)
    centred = vectors - vectors.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * singular[:2]
    lines = np.array([pair.code_lines for pair in pairs], dtype=np.float64)
    logs = np.log(np.maximum(lines, 1))
    variance = singular**2 / (singular**2).sum()
    found = []
    for column in range(2):
        by_log = float(np.corrcoef(points[:, column], logs)[0, 1])
        if by_log < 0:
            points[:, column] *= -1
        found.append((float(spearmanr(points[:, column], lines).statistic), abs(by_log)))
    return Components(
        points,
        (float(variance[0]), float(variance[1])),
        (found[0][0], found[1][0]),
        (found[0][1], found[1][1]),
    )
