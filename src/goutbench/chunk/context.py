"""Fills a chunk up: what its focal declarations refer to, nearest first, within the budget."""

from collections.abc import Iterable
from dataclasses import dataclass

from goutbench.chunk.graph import Edges, Sizes, edges
from goutbench.chunk.render import Part, compose, full, header, outline, wanted_words
from goutbench.chunk.shorten import shorten
from goutbench.chunk.tokens import TokenCounter
from goutbench.golang.syntax import GoFile

_MARGIN = 4  # tokens, for the seams between texts that were counted apart
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
    texts = [full(file, declaration) for declaration in file.declarations]
    specs = [b"\t" + file.source[spec.start : spec.end] + b"\n" for spec in file.imports]
    top, *counts = count(
        counter, [header(file, ()) + b"import (\n)\n\n", *specs, *(t + b"\n\n" for t in texts)]
    )
    masks = [sum(1 << bit for bit in declaration.imports) for declaration in file.declarations]
    sizes = Sizes(top, counts[len(specs) :], masks, counts[: len(specs)])
    return Plan(file, budget, counter, found, targets, texts, sizes)


def draft(plan: Plan, focal: list[int]) -> Draft:
    """The chunk of these focal declarations with as much of their context as the budget allows.

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
    return _settle(plan, focal, list(context.values()))


def shortened(plan: Plan, made: Draft) -> Draft:
    """The draft of one declaration that is over the budget, with that declaration cut down to it."""
    (index,) = made.focal
    declaration = plan.file.declarations[index]
    room = plan.budget - plan.sizes.tokens((0, plan.sizes.imports[index])) - _MARGIN
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
    wanted = wanted_words(part.text for part in [*focal, *context.values()])
    declarations = plan.file.declarations
    outlines = [Part(i, "outline", outline(plan.file, declarations[i], wanted)) for i in near]
    costs = count(plan.counter, [part.text + b"\n\n" for part in outlines])
    for part, cost in zip(outlines, costs, strict=True):
        whole = plan.sizes.texts[part.index]
        chosen = Part(part.index, "full", plan.texts[part.index]) if whole <= cost else part
        cost = min(whole, cost)
        if cost <= left:
            context[part.index] = chosen
            left -= cost
    return left


def _add_in_full(plan: Plan, context: dict[int, Part], near: list[int], left: int) -> int:
    upgrades = [index for index in near if index in context and context[index].form == "outline"]
    costs = count(plan.counter, [context[index].text + b"\n\n" for index in upgrades])
    for index, cost in zip(upgrades, costs, strict=True):
        more = plan.sizes.texts[index] - cost
        if more <= left:
            context[index] = Part(index, "full", plan.texts[index])
            left -= more
    return left


def _settle(plan: Plan, focal: list[int], context: list[Part]) -> Draft:
    """Composes the text, counts it, and takes context away, the farthest first, until it is in the budget."""
    own = [Part(index, "full", plan.texts[index]) for index in focal]
    while True:
        parts = [*own, *_matched(plan, own, context)]
        text = compose(plan.file, parts)
        tokens = count(plan.counter, [text])[0]
        if tokens <= plan.budget or not context:
            return Draft(focal, parts[len(own) :], text, tokens)
        excess = tokens - plan.budget
        while context and excess > 0:
            excess -= count(plan.counter, [context.pop().text])[0]


def _matched(plan: Plan, own: list[Part], context: list[Part]) -> list[Part]:
    """The context with its outlines showing what all the declarations shown in full want to see."""
    wanted = wanted_words(part.text for part in [*own, *context] if part.form == "full")
    return [
        part
        if part.form == "full"
        else Part(part.index, "outline", outline(plan.file, plan.file.declarations[part.index], wanted))
        for part in context
    ]


def count(counter: TokenCounter, texts: list[bytes]) -> list[int]:
    return counter.count([text.decode("utf-8", "replace") for text in texts])
