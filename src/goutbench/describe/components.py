"""Figure 1 of the paper: the first principal components of code embeddings, and their correlations."""

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
    """The first two principal components.

    `points` has them for each pair's code, (pairs, 2). `explained` is the share of the embedding's variance
    that a component explains, `lines` Spearman's correlation with the lines of code, `log_lines` Pearson's
    with their logarithm.
    """

    points: "NDArray[np.float64]"
    explained: tuple[float, float]
    lines: tuple[float, float]
    log_lines: tuple[float, float]


def principal_components(pairs: Sequence[Pair], embed: Embedder) -> Components | None:
    """Principal components by singular values (Pearson 1901); None for fewer than three pairs.

    The sign of a component is arbitrary; here the component grows with the lines.
    """
    import numpy as np
    from scipy.stats import spearmanr

    if len(pairs) < 3:
        return None
    vectors = np.asarray(embed([pair.code for pair in pairs]), dtype=np.float64)
    centred = vectors - vectors.mean(axis=0)
    scores, singular, _ = np.linalg.svd(centred, full_matrices=False)
    points = scores[:, :2] * singular[:2]
    lines = np.array([pair.code_lines for pair in pairs], dtype=np.float64)
    logs = np.log(np.maximum(lines, 1))
    variance = singular**2 / (singular**2).sum()
    correlations = []
    for column in range(2):
        by_log = float(np.corrcoef(points[:, column], logs)[0, 1])
        if by_log < 0:
            points[:, column] *= -1
        correlations.append((float(spearmanr(points[:, column], lines).statistic), abs(by_log)))
    first, second = correlations
    explained = (float(variance[0]), float(variance[1]))
    return Components(points, explained, (first[0], second[0]), (first[1], second[1]))
