"""Which tests are near-duplicates of earlier ones, by the measures of `split`."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from goutbench.dedup.near import neighbours
from goutbench.dedup.sketch import fingerprint


class SimilarTests:
    """Texts that are taken one after the other; each text knows whether a taken one is like it.

    Two texts are alike if they are equal, equal but for names, or near-duplicates, in one step: a chain of
    similar tests does not make its ends alike.
    """

    def __init__(self, texts: Sequence[str], *, workers: int = 1) -> None:
        prints = fingerprint(texts, workers=workers)
        self._keys: list[list[Hashable]] = [[] for _ in texts]
        self._near: defaultdict[Hashable, set[Hashable]] = defaultdict(set)
        self._taken: set[Hashable] = set()
        for measure in ("exact", "normalised", "renamed"):
            for keys, value in zip(self._keys, getattr(prints, measure), strict=True):
                if value is not None:
                    keys.append((measure, value))
        for view in neighbours(prints):
            for number, members in enumerate(view.classes):
                for index in members:
                    self._keys[index].append((view.view, number))
            for one, two, _ in view.alike:
                self._near[view.view, one].add((view.view, two))
                self._near[view.view, two].add((view.view, one))

    def take(self, index: int) -> None:
        """From now on, texts like this one are like a taken one."""
        for key in self._keys[index]:
            self._taken |= {key, *self._near[key]}

    def is_like_taken(self, index: int) -> bool:
        """Whether a text is like one that was taken."""
        return not self._taken.isdisjoint(self._keys[index])
