"""Fills chunks up with context: what their focal declarations refer to, nearest first, within the budget."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from goutbench.chunk.graph import Edges, Sizes, reference_edges
from goutbench.chunk.render import Part, compose, full_texts, header
from goutbench.chunk.shorten import shorten_declaration
from goutbench.chunk.tokens import TokenCounter
from goutbench.golang.syntax.file import GoFile, declaration_keys
from goutbench.golang.syntax.outline import mentioned_names, outline

_SEPARATOR_TOKENS = 2  # for the blank line between two texts that are counted separately
_DEPTH = 2  # references away from a focal declaration up to which context still helps


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it is a record: its focal declarations by index, its context, and its text."""

    focal: list[int]
    context: list[Part]
    text: bytes
    tokens: int
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file with the tokens of its declarations, counted once by one counter."""

    file: GoFile
    keys: list[str]
    budget: int
    counter: TokenCounter
    edges: Edges
    targets: list[dict[int, float]]  # what each declaration refers to, with the weights of the edges
    texts: list[bytes]
    sizes: Sizes
    counted: dict[bytes, int] = field(default_factory=dict, repr=False)  # outlines recur from chunk to chunk
    mentioned: dict[int, set[bytes]] = field(default_factory=dict, repr=False)

    def count(self, texts: list[bytes]) -> list[int]:
        """The tokens of each text; no text is counted twice."""
        new = [text for text in dict.fromkeys(texts) if text not in self.counted]
        if new:
            self.counted.update(zip(new, _count(self.counter, new), strict=True))
        return [self.counted[text] for text in texts]

    def full(self, index: int) -> Part:
        return Part(index, "full", self.texts[index])

    def outline(self, index: int, mentioned: set[bytes]) -> Part:
        return Part(index, "outline", outline(self.file, self.file.declarations[index], mentioned))

    def mentioned_in(self, parts: Iterable[Part]) -> set[bytes]:
        """The names that these parts mention, as `mentioned_names` returns them."""
        names: set[bytes] = set()
        for part in parts:
            if part.form != "full":
                names |= mentioned_names([part.text])
            else:
                if part.index not in self.mentioned:
                    self.mentioned[part.index] = mentioned_names([part.text])
                names |= self.mentioned[part.index]
        return names


def measure(file: GoFile, budget: int, counter: TokenCounter) -> MeasuredFile:
    """Count the tokens of every declaration and import, and weigh the references between declarations."""
    edges = reference_edges(file.declarations)
    targets: list[dict[int, float]] = [{} for _ in file.declarations]
    for (index, target), weight in edges.items():
        targets[index][target] = weight
    texts = full_texts(file)
    specs = [b"\t" + file.source[spec.start : spec.end] + b"\n" for spec in file.imports]
    head = header(file, ()) + b"import (\n)\n\n"
    head_tokens, *counts = _count(counter, [head, *specs, *(text + b"\n\n" for text in texts)])
    masks = [sum(1 << bit for bit in declaration.imports) for declaration in file.declarations]
    sizes = Sizes(head_tokens, counts[len(specs) :], masks, counts[: len(specs)])
    return MeasuredFile(file, declaration_keys(file), budget, counter, edges, targets, texts, sizes)


def compose_drafts(measured: MeasuredFile, groups: list[list[int]]) -> list[Draft]:
    """The chunk of each group of focal declarations, with as much context as the budget allows."""
    contexts = [_ContextBuilder(measured, focal).build() for focal in groups]
    texts = [_compose(measured, focal, context) for focal, context in zip(groups, contexts, strict=True)]
    counts = _count(measured.counter, [text for _, text in texts])
    drafts = []
    for focal, context, (parts, text), tokens in zip(groups, contexts, texts, counts, strict=True):
        excess = tokens - measured.budget
        while excess > 0 and context:  # remove the farthest context first
            while context and excess > 0:
                excess -= measured.count([context.pop().text])[0]
            parts, text = _compose(measured, focal, context)
            (tokens,) = _count(measured.counter, [text])
            excess = tokens - measured.budget
        drafts.append(Draft(focal, parts, text, tokens))
    return drafts


def _compose(measured: MeasuredFile, focal: list[int], context: list[Part]) -> tuple[list[Part], bytes]:
    """The context, whose outlines show what all declarations in full mention, and the text of the chunk."""
    own = [measured.full(index) for index in focal]
    mentioned = measured.mentioned_in(part for part in [*own, *context] if part.form == "full")
    parts = [part if part.form == "full" else measured.outline(part.index, mentioned) for part in context]
    return parts, compose(measured.file, [*own, *parts])


class _ContextBuilder:
    """Selects as much as the budget allows of what a chunk's focal declarations refer to.

    Context comes in rounds: outlines of what the focal declarations refer to, then these in full, then
    outlines of what those refer to. A round goes by the weight of the references, then by source order.
    """

    def __init__(self, measured: MeasuredFile, focal: list[int]) -> None:
        self.measured = measured
        self.focal = focal
        self.context: dict[int, Part] = {}
        self.remaining = measured.budget - measured.sizes.tokens(measured.sizes.load(focal))

    def build(self) -> list[Part]:
        visible = set(self.focal)
        for _ in range(_DEPTH):
            near = self._nearest(visible)
            self._add_outlines(near)
            self._expand(near)
            if self.context.keys() <= visible:
                break
            visible |= self.context.keys()
        return list(self.context.values())

    def _nearest(self, visible: set[int]) -> list[int]:
        """The invisible targets of the visible declarations, the most important first."""
        pull: dict[int, float] = {}
        for index in sorted(visible):
            for target, weight in self.measured.targets[index].items():
                if target not in visible:
                    pull[target] = pull.get(target, 0.0) + weight
        sizes = self.measured.sizes.texts
        return sorted(pull, key=lambda target: (-pull[target] / (1 + sizes[target]) ** 0.5, target))

    def _add_outlines(self, near: list[int]) -> None:
        if self.remaining <= 0:
            return
        measured = self.measured
        own = [measured.full(index) for index in self.focal]
        mentioned = measured.mentioned_in([*own, *self.context.values()])
        outlines = [measured.outline(index, mentioned) for index in near]
        costs = measured.count([part.text for part in outlines])
        for part, tokens in zip(outlines, costs, strict=True):
            full_cost, cost = measured.sizes.texts[part.index], tokens + _SEPARATOR_TOKENS
            if min(full_cost, cost) <= self.remaining:
                self.context[part.index] = measured.full(part.index) if full_cost <= cost else part
                self.remaining -= min(full_cost, cost)

    def _expand(self, near: list[int]) -> None:
        """Replace outlines with the full declarations, as far as the budget allows."""
        upgrades = [i for i in near if i in self.context and self.context[i].form == "outline"]
        costs = self.measured.count([self.context[index].text for index in upgrades])
        for index, cost in zip(upgrades, costs, strict=True):
            extra = self.measured.sizes.texts[index] - cost - _SEPARATOR_TOKENS
            if extra <= self.remaining:
                self.context[index] = self.measured.full(index)
                self.remaining -= extra


def shorten_draft(measured: MeasuredFile, draft: Draft) -> Draft:
    """The draft of one declaration that exceeds the budget, with that declaration shortened."""
    (index,) = draft.focal
    sizes, file = measured.sizes, measured.file
    limit = measured.budget - sizes.tokens((0, sizes.imports[index])) - 2 * _SEPARATOR_TOKENS
    text = shorten_declaration(
        file, file.declarations[index], limit, lambda text: _count(measured.counter, [text])[0]
    )
    text = compose(file, [Part(index, "outline", text)])
    return Draft(draft.focal, [], text, _count(measured.counter, [text])[0], shortened=True)


def _count(counter: TokenCounter, texts: list[bytes]) -> list[int]:
    """The tokens of texts in bytes; what is not UTF-8 counts as the replacement character."""
    return counter.count([text.decode("utf-8", "replace") for text in texts])
