"""The rule `same-name`, the paper's: `X.go` with `X_test.go` in the same folder."""

from collections.abc import Collection, Mapping

from goutbench.curate.pairing.rule import Pairing, PathPair, is_test


def same_name(paths: Collection[bytes]) -> list[PathPair]:
    """The pairs of equal names in one folder, by path.

    Recounting the paper's published numbers confirms this rule: pairs across folders are not in them.
    """
    existing = set(paths)
    sources = sorted(path for path in existing if path.endswith(b".go") and not is_test(path))
    pairs = (PathPair(path, path.removesuffix(b".go") + b"_test.go") for path in sources)
    return [pair for pair in pairs if pair.test in existing]


class SameName:
    """The paper's rule. It needs paths only."""

    def reads(self, paths: Collection[bytes]) -> set[bytes]:
        return set()

    def pair(self, paths: Collection[bytes], contents: Mapping[bytes, bytes]) -> Pairing:
        return Pairing(same_name(paths))
