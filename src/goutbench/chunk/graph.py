"""The dependency graph of a file's declarations, and its partition into groups of limited size.

The partition is greedy and deterministic. Clusters grow along the heaviest edge for their size, the clusters
are packed into groups, and single declarations then move where that reduces the cut the most (Fiduccia and
Mattheyses, "A Linear-Time Heuristic for Improving Network Partitions", DAC 1982).
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from goutbench.golang.syntax.file import Declaration

# the cost of cutting an edge: a method needs its type most, an ambiguous reference may not be one at all
_RECEIVER, _CALL, _USE, _AMBIGUOUS, _ADJACENT = 2.0, 1.5, 1.0, 0.3, 0.05
_PASSES = 6

Load = tuple[int, int]  # tokens of texts, bit set of imports
Edges = dict[tuple[int, int], float]
Weights = list[dict[int, float]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of declarations in tokens: of their texts, and of the header that a chunk of them needs.

    `imports` has a bit set for every declaration: the imports it needs. `specs` has the imports' tokens.
    """

    header: int
    texts: list[int]
    imports: list[int]
    specs: list[int]
    headers: dict[int, int] = field(default_factory=dict, repr=False)

    def load(self, indices: Iterable[int]) -> Load:
        size = mask = 0
        for index in indices:
            size += self.texts[index]
            mask |= self.imports[index]
        return size, mask

    def tokens(self, *loads: Load) -> int:
        """The tokens of one chunk of all these declarations."""
        mask = 0
        for load in loads:
            mask |= load[1]
        if mask not in self.headers:
            used = (tokens for bit, tokens in enumerate(self.specs) if mask >> bit & 1)
            self.headers[mask] = self.header + sum(used)
        return self.headers[mask] + sum(load[0] for load in loads)


def reference_edges(declarations: tuple[Declaration, ...]) -> Edges:
    """Directed edges from declarations to those that they refer to, with the cost of cutting each."""
    edges: Edges = {}
    for index, source in enumerate(declarations):
        for reference in source.references:
            target = declarations[reference]
            is_receiver = (
                source.kind == "method" and target.kind == "type" and source.receiver in target.names
            )
            edges[index, reference] = _RECEIVER if is_receiver else _CALL if target.is_function else _USE
        for reference in source.maybe:
            edges.setdefault((index, reference), _AMBIGUOUS)
    return edges


def partition(edges: Edges, sizes: Sizes, limit: int) -> list[list[int]]:
    """Groups of declarations in source order. A group is within the limit or has one declaration."""
    count = len(sizes.texts)
    weights: Weights = [defaultdict(float) for _ in range(count)]
    for (a, b), weight in edges.items():
        weights[a][b] += weight
        weights[b][a] += weight
    for index in range(count - 1):
        weights[index][index + 1] += _ADJACENT
        weights[index + 1][index] += _ADJACENT
    partitioner = _Partitioner(weights, sizes, limit)
    groups = partitioner.pack(partitioner.clusters())
    partitioner.refine(groups)
    return sorted(sorted(group) for group in groups if group)


@dataclass(frozen=True, slots=True)
class _Partitioner:
    """Partitions a weighted graph into groups within a limit of tokens."""

    weights: Weights
    sizes: Sizes
    limit: int

    def clusters(self) -> list[list[int]]:
        """Merge along the edge with the most weight for the size of what it joins, while the limit allows."""
        members = {index: [index] for index in range(len(self.weights))}
        loads = {index: self.sizes.load([index]) for index in members}
        links = {index: dict(row) for index, row in enumerate(self.weights)}
        heap = [
            (_rank(w, loads[a], loads[b]), a, b) for a, row in links.items() for b, w in row.items() if a < b
        ]
        heapify(heap)
        while heap:
            rank, a, b = heappop(heap)
            weight = links[a].get(b) if a in links else None
            if weight is None or rank != _rank(weight, loads[a], loads[b]):
                continue
            if self.sizes.tokens(loads[a], loads[b]) > self.limit:
                del links[a][b], links[b][a]
                continue
            if len(links[a]) < len(links[b]):
                a, b = b, a
            members[a] += members.pop(b)
            loads[a] = _join(loads[a], loads.pop(b))
            for c, weight in links.pop(b).items():  # a inherits the links of b
                del links[c][b]
                if c != a:
                    links[a][c] = links[c][a] = links[a].get(c, 0.0) + weight
            for c, weight in links[a].items():
                heappush(heap, (_rank(weight, loads[a], loads[c]), min(a, c), max(a, c)))
        return sorted(sorted(group) for group in members.values())

    def pack(self, clusters: list[list[int]]) -> list[list[int]]:
        """Put the clusters, in source order, into the group with room that pulls them the most."""
        groups: list[list[int]] = []
        loads: list[Load] = []
        home: dict[int, int] = {}
        for cluster in clusters:
            load = self.sizes.load(cluster)
            pull: dict[int, float] = defaultdict(float)
            for index in cluster:
                for group, weight in _pull(self.weights[index], home).items():
                    pull[group] += weight
            room = [g for g in range(len(groups)) if self.sizes.tokens(loads[g], load) <= self.limit]
            chosen = max(room, key=lambda g: (pull.get(g, 0.0), -g), default=len(groups))
            if chosen == len(groups):
                groups.append([])
                loads.append((0, 0))
            groups[chosen] += cluster
            loads[chosen] = _join(loads[chosen], load)
            home.update((index, chosen) for index in cluster)
        return groups

    def refine(self, groups: list[list[int]]) -> None:
        """Move single declarations to the group that pulls them the most, while that reduces the cut."""
        home = {index: g for g, group in enumerate(groups) for index in group}
        loads = [self.sizes.load(group) for group in groups]
        for _ in range(_PASSES):
            moved = False
            for index, row in enumerate(self.weights):
                here, load = home[index], self.sizes.load([index])
                pull = _pull(row, home)
                better = sorted(
                    (-w, g) for g, w in pull.items() if g != here and w > pull.get(here, 0.0) + 1e-9
                )
                there = next((g for _, g in better if self.sizes.tokens(loads[g], load) <= self.limit), None)
                if there is not None:
                    groups[here].remove(index)
                    groups[there].append(index)
                    home[index], moved = there, True
                    loads[here], loads[there] = self.sizes.load(groups[here]), _join(loads[there], load)
            if not moved:
                return


def _rank(weight: float, a: Load, b: Load) -> float:
    return -weight / math.sqrt(1 + min(a[0], b[0])) / math.sqrt(math.sqrt(1 + max(a[0], b[0])))


def _join(a: Load, b: Load) -> Load:
    return a[0] + b[0], a[1] | b[1]


def _pull(row: dict[int, float], home: dict[int, int]) -> dict[int, float]:
    """The weight that ties a node with these links to each group."""
    pull: dict[int, float] = defaultdict(float)
    for index, weight in row.items():
        if index in home:
            pull[home[index]] += weight
    return pull
