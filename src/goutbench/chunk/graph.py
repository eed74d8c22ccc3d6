"""The dependency graph of a file's declarations, and its partition into groups of limited size.

The cut is a greedy one: clusters grow along the heaviest edge for their size, the clusters are packed, and
single declarations then move wherever that saves the most (Fiduccia and Mattheyses, "A Linear-Time Heuristic
for Improving Network Partitions", DAC 1982). Nothing in it is random.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from goutbench.golang.syntax.file import Declaration

# what losing an edge costs: a method without its type says little, a call that may go elsewhere less
_RECEIVER, _CALL, _USE, _MAYBE, _NEIGHBOUR = 2.0, 1.5, 1.0, 0.3, 0.05
_PASSES = 6

Load = tuple[int, int]  # tokens of texts, bit set of imports
Edges = dict[tuple[int, int], float]
Weights = list[dict[int, float]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What declarations take, in tokens: their own texts, and the header of the chunk that they stand in.

    `imports` holds for each declaration a bit set of the imports it needs, `specs` the tokens of each import.
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
        """The tokens of a chunk of these declarations together."""
        mask = 0
        for load in loads:
            mask |= load[1]
        if mask not in self.headers:
            used = (tokens for bit, tokens in enumerate(self.specs) if mask >> bit & 1)
            self.headers[mask] = self.header + sum(used)
        return self.headers[mask] + sum(load[0] for load in loads)


def edges(declarations: tuple[Declaration, ...]) -> Edges:
    """Directed edges from a declaration to one that it refers to, with what losing one costs."""
    found: Edges = {}
    for index, declaration in enumerate(declarations):
        for target in declaration.references:
            found[index, target] = _weight(declaration, declarations[target])
        for target in declaration.maybe:
            found.setdefault((index, target), _MAYBE)
    return found


def _weight(declaration: Declaration, target: Declaration) -> float:
    if declaration.kind == "method" and target.kind == "type" and declaration.receiver in target.names:
        return _RECEIVER
    return _CALL if target.is_function else _USE


def partition(edges: Edges, sizes: Sizes, limit: int) -> list[list[int]]:
    """Groups of declarations, each within the limit or a single one, in source order."""
    count = len(sizes.texts)
    weights: Weights = [defaultdict(float) for _ in range(count)]
    for (a, b), weight in edges.items():
        weights[a][b] += weight
        weights[b][a] += weight
    for index in range(count - 1):
        weights[index][index + 1] += _NEIGHBOUR
        weights[index + 1][index] += _NEIGHBOUR
    groups = _pack(_clusters(weights, sizes, limit), weights, sizes, limit)
    _refine(groups, weights, sizes, limit)
    return sorted(sorted(group) for group in groups if group)


def _clusters(weights: Weights, sizes: Sizes, limit: int) -> list[list[int]]:
    """Merges along the edge with the most weight for the size of what it joins, while the limit allows."""
    members = {index: [index] for index in range(len(weights))}
    loads = {index: sizes.load([index]) for index in members}
    links = {index: dict(row) for index, row in enumerate(weights)}
    heap = [(_rank(w, loads[a], loads[b]), a, b) for a, row in links.items() for b, w in row.items() if a < b]
    heapify(heap)
    while heap:
        rank, a, b = heappop(heap)
        weight = links[a].get(b) if a in links else None
        if weight is None or rank != _rank(weight, loads[a], loads[b]):
            continue
        if sizes.tokens(loads[a], loads[b]) > limit:
            del links[a][b], links[b][a]
            continue
        if len(links[a]) < len(links[b]):
            a, b = b, a
        members[a] += members.pop(b)
        loads[a] = _join(loads[a], loads.pop(b))
        _inherit(links, a, b)
        for other, weight in links[a].items():
            heappush(heap, (_rank(weight, loads[a], loads[other]), min(a, other), max(a, other)))
    return sorted(sorted(group) for group in members.values())


def _inherit(links: dict[int, dict[int, float]], a: int, b: int) -> None:
    """Node a takes over the links of node b, which goes."""
    for other, weight in links.pop(b).items():
        del links[other][b]
        if other != a:
            links[a][other] = links[other][a] = links[a].get(other, 0.0) + weight


def _rank(weight: float, a: Load, b: Load) -> float:
    return -weight / math.sqrt(1 + min(a[0], b[0])) / math.sqrt(math.sqrt(1 + max(a[0], b[0])))


def _join(a: Load, b: Load) -> Load:
    return a[0] + b[0], a[1] | b[1]


def _pack(clusters: list[list[int]], weights: Weights, sizes: Sizes, limit: int) -> list[list[int]]:
    """In source order, each cluster into the group it has the most to do with among those with room."""
    groups: list[list[int]] = []
    loads: list[Load] = []
    home: dict[int, int] = {}
    for cluster in clusters:
        load = sizes.load(cluster)
        pull: dict[int, float] = defaultdict(float)
        for index in cluster:
            for group, weight in _pull(weights[index], home).items():
                pull[group] += weight
        room = [g for g in range(len(groups)) if sizes.tokens(loads[g], load) <= limit]
        chosen = max(room, key=lambda g: (pull.get(g, 0.0), -g), default=len(groups))
        if chosen == len(groups):
            groups.append([])
            loads.append((0, 0))
        groups[chosen] += cluster
        loads[chosen] = _join(loads[chosen], load)
        home.update((index, chosen) for index in cluster)
    return groups


def _refine(groups: list[list[int]], weights: Weights, sizes: Sizes, limit: int) -> None:
    """Moves single declarations to the group that pulls most, while that lessens the cut."""
    home = {index: g for g, group in enumerate(groups) for index in group}
    loads = [sizes.load(group) for group in groups]
    for _ in range(_PASSES):
        moved = False
        for index, row in enumerate(weights):
            here, load = home[index], sizes.load([index])
            pull = _pull(row, home)
            better = sorted((-w, g) for g, w in pull.items() if g != here and w > pull.get(here, 0.0) + 1e-9)
            there = next((g for _, g in better if sizes.tokens(loads[g], load) <= limit), None)
            if there is not None:
                groups[here].remove(index)
                groups[there].append(index)
                home[index], moved = there, True
                loads[here], loads[there] = sizes.load(groups[here]), _join(loads[there], load)
        if not moved:
            return


def _pull(row: dict[int, float], home: dict[int, int]) -> dict[int, float]:
    """How much weight ties a node with these links to each group."""
    pull: dict[int, float] = defaultdict(float)
    for other, weight in row.items():
        if other in home:
            pull[home[other]] += weight
    return pull
