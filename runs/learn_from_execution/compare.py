"""Compares the arms: writes `tables.md` from the facts of all replies.

    python compare.py [RESULTS]

RESULTS is the folder with `facts.parquet` and `harvested.parquet`. Comparisons are on the same functions:
with the base model that gets one in-context example, or of two recipes. A recipe counts by the mean of its
trainings. A reply that does not pass covers nothing and kills no mutant.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from goutbench.statistics import (
    DIFFERENCES,
    cluster_bootstrap,
    holm,
    items_needed,
    pass_at_k,
    permutation_test,
    sign_test,
)

Row = dict[str, Any]
Values = NDArray[np.float64]

BASE, REFERENCE = "base-example", "human-slice"
ARMS = ("base", BASE, "human", "human-gentle", "mix", "harvest", "harvest-gentle", "harvest2", "harvest3")
# Several trainings of a recipe: another seed, and of a control other rows.
RECIPES = {
    BASE: (BASE,),
    "random": ("random", "random-seed2", "random-seed3"),
    "static": ("static", "static-seed2", "static-seed3"),
    "failing": ("failing",),
    "harvest": ("harvest", "harvest-seed2", "harvest-seed3"),
    "random-many": ("random-many", "random-many-seed2"),
    "static-many": ("static-many", "static-many-seed2"),
    "harvest2": ("harvest2", "harvest2-seed2", "harvest2-seed3"),
    "human": ("human",),
    "verified": ("verified",),
}
TRAININGS = tuple(arm for arms in RECIPES.values() for arm in arms if arm not in ARMS)
CONTROLS = ("random", "static", "failing", "random-many", "static-many", "verified")
CONTRASTS = (
    *((control, BASE) for control in CONTROLS),
    ("harvest", BASE), ("harvest", "random"), ("harvest", "static"), ("harvest", "failing"),
    ("harvest2", BASE), ("harvest2", "random-many"), ("harvest2", "static-many"), ("verified", "human"),
)  # fmt: skip
OTHERS = "others-"  # arms that write tests for functions of other repositories
OTHER_ARMS = (BASE, "random-many", "harvest", "harvest2")
OTHER_CONTRASTS = (
    ("random-many", BASE), ("harvest", BASE), ("harvest2", BASE), ("harvest", "random-many"),
    ("harvest2", "random-many"),
)  # fmt: skip
HARVESTS = {"harvest": "harvested", "harvest2": "harvested-twice", "harvest3": "harvested-thrice"}
GREEDY, SAMPLED = (0,), (1, 2, 3, 4, 5)
SAMPLES = {"greedy": GREEDY, "sampled": SAMPLED}
BUILT = ("build", "runs", "pass", "stable", "covers", "mutation")


def builds(row: Row) -> float:
    return float(row["rung"] in BUILT)


def passes(row: Row) -> float:
    return float(row["status"] == "PASSED")


def coverage(row: Row) -> float:
    return (row["coverage"] or 0.0) * passes(row)


def mutation(row: Row) -> float:
    return (row["mutation"] or 0.0) * passes(row)


def is_useful(row: Row) -> float:
    return float(mutation(row) > 0)


MEASURES: dict[str, Callable[[Row], float]] = {
    "builds": builds, "passes": passes, "useful": is_useful, "coverage": coverage, "mutation": mutation,
}  # fmt: skip
OUTCOMES: dict[str, Callable[[Row], object]] = {
    "no complete test": lambda row: row["status"] == "NO_CODE",
    "does not compile": lambda row: row["status"] == "BUILD_FAILED",
    "declares or runs no test": lambda row: row["status"] == "NO_TESTS_RAN",
    "wrong expectation": lambda row: row["status"] == "TESTS_FAILED" and row["reason"] == "assertion",
    "panic or crash": lambda row: row["status"] == "TESTS_FAILED" and row["reason"] != "assertion",
    "flaky or too slow": lambda row: row["status"] in ("FLAKY", "TIMED_OUT"),
    "infrastructure error": lambda row: row["status"] == "INFRA_FAILURE",
    "passes, kills no mutant": lambda row: passes(row) and not is_useful(row),
    "passes and kills a mutant": is_useful,
}


class Facts:
    """The facts of all replies, and the held-out functions in their order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {(row["arm"], row["item"], row["sample"]): row for row in rows}
        self.paths = {row["item"]: row["path"] for row in rows}
        self.items = [row["item"] for row in rows if row["arm"] == BASE and row["sample"] == 0]
        self.files = [self.paths[item] for item in self.items]

    def is_complete(self, arm: str, samples: Sequence[int]) -> bool:
        """Whether every held-out function has all these samples."""
        return all((arm, item, sample) in self.rows for item, sample in product(self.items, samples))

    def arms(self) -> list[str]:
        """The arms with a greedy reply for every function."""
        return [arm for arm in ARMS if self.is_complete(arm, GREEDY)]

    def runs(self, arms: Sequence[str] = ARMS) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """The complete sets of replies: arm, kind of replies, samples."""
        for arm, (kind, samples) in product(arms, SAMPLES.items()):
            if self.is_complete(arm, samples):
                yield arm, kind, samples

    def greedy(self, arm: str) -> list[Row]:
        return [self.rows[arm, item, 0] for item in self.items]

    def passing(self, arm: str) -> set[str]:
        """The functions whose greedy reply passes."""
        return {row["item"] for row in self.greedy(arm) if passes(row)}

    def values(self, arm: str, samples: Sequence[int], measure: str) -> Values:
        """The mean of a measure over the samples of each function; for pass@5 its estimate."""
        groups = [[self.rows[arm, item, sample] for sample in samples] for item in self.items]
        if measure == "pass@5":
            return np.array([pass_at_k(len(group), int(sum(map(passes, group))), 5) for group in groups])
        return np.array([np.mean([MEASURES[measure](row) for row in group]) for group in groups])

    def trainings(self, recipe: str, samples: Sequence[int]) -> list[str]:
        """The trainings of a recipe with all these samples."""
        return [arm for arm in RECIPES.get(recipe, (recipe,)) if self.is_complete(arm, samples)]

    def recipe_values(self, recipe: str, samples: Sequence[int], measure: str) -> Values:
        """The mean over the trainings of a recipe, function by function."""
        trainings = self.trainings(recipe, samples)
        return np.mean([self.values(arm, samples, measure) for arm in trainings], axis=0)  # type: ignore[no-any-return]

    def differences(self, arm: str, samples: Sequence[int], measure: str) -> Values:
        return self.values(arm, samples, measure) - self.values(BASE, samples, measure)


def arms_table(facts: Facts, arms: Sequence[str] = (*ARMS, *TRAININGS)) -> Iterator[str]:
    """The rates of each arm, with intervals clustered by file."""
    yield from header("arm", "replies", "n", *MEASURES, "pass@5")
    for arm, kind, samples in facts.runs(arms):
        cells = [estimate(facts.values(arm, samples, measure), facts.files) for measure in MEASURES]
        cells.append(
            estimate(facts.values(arm, samples, "pass@5"), facts.files) if samples is SAMPLED else "–"
        )
        yield line(arm, kind, f"{len(facts.items) * len(samples):,}", *cells)


def estimate(values: Values, files: Sequence[str]) -> str:
    mean, low, high = cluster_bootstrap(values, files)
    if values.min() == values.max():
        return f"{100 * mean:.1f} (no spread)"
    return f"{100 * mean:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def differences_table(rows: Sequence[Row], adjusted: Iterator[float], *names: str) -> Iterator[str]:
    """The comparisons that `comparisons` or `contrasts` yield.

    The p value is that of the sign test for yes or no, else of a permutation test.
    """
    yield from header(
        *names, "replies", "measure", "difference", "95% by file", "better : worse", "p", "Holm", "n for 80%"
    )
    for row in rows:
        yield line(*row["cells"], f"{row['p']:.2g}", f"{next(adjusted):.2g}", row["needed"])


def comparisons(facts: Facts) -> Iterator[Row]:
    """The cells of each comparison with the base, its p value, and the functions needed to detect it."""
    for arm, kind, samples in facts.runs():
        if arm == BASE:
            continue
        for measure in measures_of(samples):
            differences = facts.differences(arm, samples, measure)
            is_binary = samples is GREEDY and measure in ("builds", "passes", "useful")
            yield comparison((arm, kind, measure), differences, facts.files, is_binary=is_binary)


def contrasts(facts: Facts, pairs: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """The comparisons of two recipes, each by the mean of its trainings."""
    for (first, second), (kind, samples) in product(pairs, SAMPLES.items()):
        trainings = [facts.trainings(recipe, samples) for recipe in (first, second)]
        if not all(trainings):
            continue
        names = [
            f"{recipe} ×{len(arms)}" if len(arms) > 1 else recipe
            for recipe, arms in zip((first, second), trainings, strict=True)
        ]
        for measure in measures_of(samples):
            one, two = (facts.recipe_values(recipe, samples, measure) for recipe in (first, second))
            yield comparison((*names, kind, measure), one - two, facts.files, is_binary=False)


def measures_of(samples: Sequence[int]) -> tuple[str, ...]:
    return (*MEASURES, "pass@5") if samples is SAMPLED else tuple(MEASURES)


def comparison(names: Sequence[str], differences: Values, files: Sequence[str], *, is_binary: bool) -> Row:
    mean, low, high = (100 * value for value in cluster_bootstrap(differences, files, bounds=DIFFERENCES))
    better, worse = int((differences > 1e-9).sum()), int((differences < -1e-9).sum())
    cells = [*names, f"{mean:+.1f}", f"{low:+.1f} to {high:+.1f}", f"{better} : {worse}"]
    if not is_binary:
        return {"cells": cells, "p": permutation_test(differences), "needed": "–"}
    needed = items_needed(better / len(differences), worse / len(differences))
    return {"cells": cells, "p": sign_test(better, worse), "needed": f"{needed:,}" if needed else "–"}


def recipes_table(facts: Facts) -> Iterator[str]:
    """The greedy replies of each training of a recipe: what another seed, and other rows, change."""
    yield from header("recipe", "trainings", "builds", "passes", "useful", "mutation")
    for recipe in RECIPES:
        arms = facts.trainings(recipe, GREEDY)
        cells = [
            " · ".join(f"{100 * facts.values(arm, GREEDY, measure).mean():.1f}" for arm in arms)
            for measure in ("builds", "passes", "useful", "mutation")
        ]
        yield line(recipe, len(arms), *cells)


def outcomes_table(facts: Facts) -> Iterator[str]:
    """What happens to the greedy replies: each is in one class."""
    arms = [*facts.arms(), *(arm for arm in CONTROLS if facts.is_complete(arm, GREEDY))]
    yield from header(f"of {len(facts.items)}", *arms)
    for name, applies in OUTCOMES.items():
        yield line(name, *(sum(bool(applies(row)) for row in facts.greedy(arm)) for arm in arms))


def reasons_table(facts: Facts) -> Iterator[str]:
    """Why greedy replies do not compile: the nine most frequent reasons."""
    counts = {
        arm: Counter(row["reason"] for row in facts.greedy(arm) if row["status"] == "BUILD_FAILED")
        for arm in facts.arms()
    }
    yield from header("does not compile", *counts)
    for reason, _ in sum(counts.values(), Counter[str]()).most_common(9):
        yield line(reason, *(count[reason] for count in counts.values()))


def changes(facts: Facts) -> Iterator[str]:
    """How many functions pass with the base model and not with an arm, and the reverse."""
    before = facts.passing(BASE)
    for arm in facts.arms():
        if arm != BASE:
            after = facts.passing(arm)
            yield (
                f"- {arm}: of the {len(before)} functions that {BASE} passes, {len(before - after)} fail; "
                f"{len(after - before)} more pass"
            )


def packages_table(facts: Facts, harvested: Sequence[Row]) -> Iterator[str]:
    """The differences for functions of packages with a training row, and without one."""
    measures = ("passes", "useful", "mutation")
    yield from header("arm", "functions of packages", "n", "replies", *measures)
    for arm, rows in HARVESTS.items():
        trained = {Path(facts.paths[row["item"]]).parent for row in harvested if row["rows"] == rows}
        is_trained = np.array([Path(path).parent in trained for path in facts.files])
        for (name, mask), (kind, samples) in product(
            (("with a row", is_trained), ("without", ~is_trained)), SAMPLES.items()
        ):
            if facts.is_complete(arm, samples):
                cells = [
                    signed(facts.differences(arm, samples, measure), facts.files, mask)
                    for measure in measures
                ]
                yield line(arm, name, mask.sum(), kind, *cells)


def signed(differences: Values, files: Sequence[str], mask: NDArray[np.bool_]) -> str:
    selected = [file for file, is_selected in zip(files, mask, strict=True) if is_selected]
    interval = cluster_bootstrap(differences[mask], selected, bounds=DIFFERENCES)
    mean, low, high = (100 * value for value in interval)
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def reference(facts: Facts) -> Iterator[str]:
    """The repository's own tests of these functions, each sliced out of its file."""
    rows = [row for key, row in facts.rows.items() if key[0] == REFERENCE]
    rates = (
        f"{name} {100 * np.mean([measure(row) for row in rows]):.1f}" for name, measure in MEASURES.items()
    )
    yield f"{len(rows)} tests: {', '.join(rates)}"


def header(*names: str) -> Iterator[str]:
    yield line(*names)
    yield "|" + "---|" * len(names)


def line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def other_facts(rows: Sequence[Row]) -> Facts:
    """The facts of functions of other repositories, with the arms under their own names."""
    return Facts(
        [{**row, "arm": row["arm"].removeprefix(OTHERS)} for row in rows if row["arm"].startswith(OTHERS)]
    )


def main(results: Path) -> None:
    rows = pq.read_table(results / "facts.parquet").to_pylist()
    facts, others = Facts(rows), other_facts(rows)
    harvested = pq.read_table(results / "harvested.parquet").to_pylist()
    families = [
        list(comparisons(facts)),
        list(contrasts(facts, CONTRASTS)),
        list(contrasts(others, OTHER_CONTRASTS)),
    ]
    adjusted = iter(
        holm([row["p"] for family in families for row in family])
    )  # over all tables, in this order
    sections = {
        "Arms": arms_table(facts),
        "Against the base model with one example": differences_table(families[0], adjusted, "arm"),
        "Controls": differences_table(families[1], adjusted, "recipe", "against"),
        "Trainings": recipes_table(facts),
        "Functions of other repositories": arms_table(others, OTHER_ARMS),
        "Differences for functions of other repositories": differences_table(
            families[2], adjusted, "recipe", "against"
        ),
        "Outcomes of the greedy replies": outcomes_table(facts),
        "Why they do not compile": reasons_table(facts),
        "Functions that pass": changes(facts),
        "Packages with and without a training row": packages_table(facts, harvested),
        "The repository's own tests": reference(facts),
    }
    texts = [f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items()]
    (results / "tables.md").write_text("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results")
