"""Fills a chunk up: what its focal declarations refer to, nearest first, within the budget."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from goutbench.chunk.graph import Edges, Sizes, edges
from goutbench.chunk.render import Part, compose, full_texts, header, outline, mentioned_names
from goutbench.chunk.shorten import shorten
from goutbench.chunk.tokens import TokenCounter
from goutbench.golang.syntax.file import GoFile

_SEAM = 2  # tokens, for the blank line between two texts that were counted apart
_DEPTH = 2  # how many references away from a focal declaration context still helps


@dataclass(frozen=True, slots=True)
class Plan:
    """A file measured with one tokenizer: what its chunks are made from."""

    file: GoFile
    budget: int
    counter: TokenCounter
    edges: Edges
    targets: list[dict[int, float]]  # what each declaration refers to, with the edges' weights
    texts: list[bytes]
    sizes: Sizes
    counted: dict[bytes, int] = field(default_factory=dict, repr=False)  # outlines recur from chunk to chunk
    words: dict[int, set[bytes]] = field(default_factory=dict, repr=False)

    def count(self, texts: list[bytes]) -> list[int]:
        """Tokens of each text, none counted twice."""
        new = [text for text in dict.fromkeys(texts) if text not in self.counted]
        if new:
            self.counted.update(zip(new, count(self.counter, new), strict=True))
        return [self.counted[text] for text in texts]

    def wanted(self, parts: Iterable[Part]) -> set[bytes]:
        """The words of these parts, as `mentioned_names` has them."""
        found: set[bytes] = set()
        for part in parts:
            if part.form != "full":
                found |= mentioned_names([part.text])
            else:
                if part.index not in self.words:
                    self.words[part.index] = mentioned_names([part.text])
                found |= self.words[part.index]
        return found


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it is a record."""

    focal: list[int]
    context: list[Part]
    text: bytes
    tokens: int
    shortened: bool = False


def make_plan(file: GoFile, budget: int, counter: TokenCounter) -> Plan:
    """Counts the tokens of every declaration, once."""
    found = edges(file.declarations)
    targets: list[dict[int, float]] = [{} for _ in file.declarations]
    for (index, target), weight in found.items():
        targets[index][target] = weight
    texts = full_texts(file)
    specs = [b"\t" + file.source[spec.start : spec.end] + b"\n" for spec in file.imports]
    top, *counts = count(
        counter, [header(file, ()) + b"import (\n)\n\n", *specs, *(t + b"\n\n" for t in texts)]
    )
    masks = [sum(1 << bit for bit in declaration.imports) for declaration in file.declarations]
    sizes = Sizes(top, counts[len(specs) :], masks, counts[: len(specs)])
    return Plan(file, budget, counter, found, targets, texts, sizes)


def _context(plan: Plan, focal: list[int]) -> list[Part]:
    """As much of what the focal declarations refer to as the budget allows, by the parts' own counts.

    Context comes in rounds: outlines of what the focal declarations refer to, then these in full, then
    outlines of what those refer to; within a round by the weight of the references, then in source order.
    """
    parts = [Part(index, "full", plan.texts[index]) for index in focal]
    load = plan.sizes.load(focal)
    left = plan.budget - plan.sizes.tokens(load)
    context: dict[int, Part] = {}
    shown = set(focal)
    for _ in range(_DEPTH):
        near = _nearest(plan, shown)
        left = _add_outlines(plan, parts, context, near, left)
        left = _add_in_full(plan, context, near, left)
        if len(shown) == len(shown | context.keys()):
            break
        shown |= context.keys()
    return list(context.values())


def shortened(plan: Plan, made: Draft) -> Draft:
    """The draft of one declaration that is over the budget, with that declaration cut down to it."""
    (index,) = made.focal
    declaration = plan.file.declarations[index]
    room = plan.budget - plan.sizes.tokens((0, plan.sizes.imports[index])) - 2 * _SEAM
    text = shorten(plan.file, declaration, room, lambda text: count(plan.counter, [text])[0])
    whole = compose(plan.file, [Part(index, "outline", text)])
    return Draft(made.focal, [], whole, count(plan.counter, [whole])[0], shortened=True)


def _nearest(plan: Plan, shown: Iterable[int]) -> list[int]:
    """What the shown declarations refer to and that is not shown, what matters most first."""
    inside = set(shown)
    pull: dict[int, float] = {}
    for index in sorted(inside):
        for target, weight in plan.targets[index].items():
            if target not in inside:
                pull[target] = pull.get(target, 0.0) + weight
    sizes = plan.sizes.texts
    return sorted(pull, key=lambda target: (-pull[target] / (1 + sizes[target]) ** 0.5, target))


def _add_outlines(plan: Plan, focal: list[Part], context: dict[int, Part], near: list[int], left: int) -> int:
    if left <= 0:
        return left
    wanted = plan.wanted([*focal, *context.values()])
    declarations = plan.file.declarations
    outlines = [Part(i, "outline", outline(plan.file, declarations[i], wanted)) for i in near]
    costs = plan.count([part.text for part in outlines])
    for part, tokens in zip(outlines, costs, strict=True):
        whole = plan.sizes.texts[part.index]
        chosen = Part(part.index, "full", plan.texts[part.index]) if whole <= tokens + _SEAM else part
        cost = min(whole, tokens + _SEAM)
        if cost <= left:
            context[part.index] = chosen
            left -= cost
    return left


def _add_in_full(plan: Plan, context: dict[int, Part], near: list[int], left: int) -> int:
    upgrades = [index for index in near if index in context and context[index].form == "outline"]
    costs = plan.count([context[index].text for index in upgrades])
    for index, cost in zip(upgrades, costs, strict=True):
        more = plan.sizes.texts[index] - cost - _SEAM
        if more <= left:
            context[index] = Part(index, "full", plan.texts[index])
            left -= more
    return left


def drafts(plan: Plan, groups: list[list[int]]) -> list[Draft]:
    """The chunk of each group of focal declarations, with context as far as the budget goes."""
    contexts = [_context(plan, focal) for focal in groups]
    made = [_compose(plan, focal, context) for focal, context in zip(groups, contexts, strict=True)]
    counts = count(plan.counter, [text for _, text in made])
    return [
        Draft(focal, parts, text, tokens)
        if tokens <= plan.budget or not context
        else _settle(plan, focal, context, tokens)
        for focal, context, (parts, text), tokens in zip(groups, contexts, made, counts, strict=True)
    ]


def _settle(plan: Plan, focal: list[int], context: list[Part], tokens: int) -> Draft:
    """Takes context away, the farthest first, until the whole is in the budget."""
    while True:
        excess = tokens - plan.budget
        while context and excess > 0:
            excess -= plan.count([context.pop().text])[0]
        parts, text = _compose(plan, focal, context)
        (tokens,) = count(plan.counter, [text])
        if tokens <= plan.budget or not context:
            return Draft(focal, parts, text, tokens)


def _compose(plan: Plan, focal: list[int], context: list[Part]) -> tuple[list[Part], bytes]:
    own = [Part(index, "full", plan.texts[index]) for index in focal]
    shown = _matched(plan, own, context)
    return shown, compose(plan.file, [*own, *shown])


def _matched(plan: Plan, own: list[Part], context: list[Part]) -> list[Part]:
    """The context with its outlines showing what all the declarations shown in full want to see."""
    wanted = plan.wanted(part for part in [*own, *context] if part.form == "full")
    return [
        part
        if part.form == "full"
        else Part(part.index, "outline", outline(plan.file, plan.file.declarations[part.index], wanted))
        for part in context
    ]


def count(counter: TokenCounter, texts: list[bytes]) -> list[int]:
    """Tokens of texts in bytes; what is not UTF-8 counts as the replacement character."""
    return counter.count([text.decode("utf-8", "replace") for text in texts])
