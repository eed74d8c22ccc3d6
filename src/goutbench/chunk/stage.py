"""Splits a file that is too long for one prompt along its dependency graph (Equation 1 of the paper).

The steps, top to bottom: measure every declaration, partition the dependency graph, fill every group up with
what it refers to, and compose the texts.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property

from goutbench.chunk.context import Draft, MeasuredFile, compose_drafts, measure, shorten_draft
from goutbench.chunk.evidence import exercised, exercises
from goutbench.chunk.graph import partition
from goutbench.chunk.render import full_texts, header
from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.errors import GoutbenchError
from goutbench.golang.syntax.file import GoFile, declaration_keys
from goutbench.golang.syntax.parser import parse, parse_declarations
from goutbench.records import CODE_TOKENS, Chunk, Shown, short_hash

_FOCAL_SHARE = 0.75  # of the budget, at most, for focal declarations; the rest is for their context
_LONG = 4  # bytes a token; counting the declarations of a longer file is cheaper than counting the file twice


def chunk_file(
    source: bytes,
    *,
    budget: int = CODE_TOKENS,
    counter: TokenCounter | None = None,
    pair_id: str = "",
    shorten: bool = False,
) -> list[Chunk]:
    """The chunks of a Go file: the file itself if it is within the budget, else self-contained parts.

    Every declaration is focal in exactly one chunk. A chunk exceeds the budget, and is flagged, only if its
    one focal declaration does. With `shorten` that declaration is shortened, and "elided" marks the cuts.
    Bytes that are not UTF-8, which Go rejects, are replaced in the texts.
    """
    counter = counter or token_counter()
    bound = counter.at_most(source)
    if bound is not None and bound <= budget:
        return [_file_record(source, None, budget, pair_id)]
    file = parse(source)
    measured = measure(file, budget, counter) if len(source) > _LONG * budget else None
    if measured is None or sum(measured.sizes.texts) < 1.1 * budget:
        (tokens,) = counter.count([source.decode("utf-8", "replace")])
        if tokens <= budget or not file.declarations:
            return [_file_record(source, tokens, budget, pair_id)]
    measured = measured or measure(file, budget, counter)
    drafts = cut(measured)
    if shorten:
        drafts = [shorten_draft(measured, draft) if draft.tokens > budget else draft for draft in drafts]
    return _records(measured, drafts, "part", pair_id)


def function_chunks(
    source: bytes,
    *,
    tests: bytes | None = None,
    budget: int = CODE_TOKENS,
    counter: TokenCounter | None = None,
    pair_id: str = "",
    only: Collection[str] | None = None,
) -> list[Chunk]:
    """One chunk for every function and method of the file, or for those whose keys are in `only`.

    With the content of a test file, each chunk names the test functions that exercise its function. Raises
    GoutbenchError if the file has no function of a key in `only`.
    """
    file = parse(source)
    measured = measure(file, budget, counter or token_counter())
    functions = [i for i, declaration in enumerate(file.declarations) if declaration.is_function]
    keys = measured.keys
    if unknown := set(only or ()).difference(keys[i] for i in functions):
        raise GoutbenchError(
            f"the parser finds no function {min(unknown)!r}",
            where=pair_id,
            hint="report the file as an error of goutbench; --paths leaves it out",
        )
    places = [(at, i) for at, i in enumerate(functions) if only is None or keys[i] in only]
    by_function = exercises(file, parse(tests)) if tests is not None else {}
    drafts = compose_drafts(measured, [[i] for _, i in places])
    return [
        replace(
            _record(draft, measured, "function", pair_id, at, len(functions)), tests=by_function.get(i, ())
        )
        for (at, i), draft in zip(places, drafts, strict=True)
    ]


def functions_under_test(
    source: bytes, tests: bytes, *, budget: int = CODE_TOKENS, counter: TokenCounter | None = None
) -> list[str]:
    """The keys of the functions that a test file exercises and whose chunks are within the budget, in order.

    `function_chunks` says the same by `tests` and `over_budget`, but composes every chunk for it.
    """
    file, counter = parse_declarations(source), counter or token_counter()
    keys, exceeds = declaration_keys(file), _OverBudget(file, budget, counter)
    return [keys[index] for index in exercised(file, tests) if not exceeds(index)]


class _OverBudget:
    """Whether the chunk of a function exceeds the budget; a bound on its bytes mostly decides."""

    def __init__(self, file: GoFile, budget: int, counter: TokenCounter) -> None:
        self._file, self._budget, self._counter = file, budget, counter
        self._head = header(file, range(len(file.imports)))  # no chunk's is longer
        self._texts = full_texts(file)

    def __call__(self, index: int) -> bool:
        bound = self._counter.at_most(self._head + self._texts[index] + b"\n")
        if bound is not None and bound <= self._budget:
            return False
        (draft,) = compose_drafts(self._measured, [[index]])
        return draft.tokens > self._budget

    @cached_property
    def _measured(self) -> MeasuredFile:
        return measure(parse(self._file.source), self._budget, self._counter)


def cut(measured: MeasuredFile) -> list[Draft]:
    """The parts of a measured file, even if the file is within the budget."""
    return _within_budget(
        measured, partition(measured.edges, measured.sizes, int(measured.budget * _FOCAL_SHARE))
    )


def _within_budget(measured: MeasuredFile, groups: list[list[int]]) -> list[Draft]:
    """The drafts of the groups. A group that exceeds the budget, since tokens do not add up, is halved."""
    drafts = []
    for draft in compose_drafts(measured, groups):
        middle = len(draft.focal) // 2
        if draft.tokens > measured.budget and middle:
            drafts += _within_budget(measured, [draft.focal[:middle], draft.focal[middle:]])
        else:
            drafts.append(draft)
    return drafts


def _records(measured: MeasuredFile, drafts: list[Draft], kind: str, pair_id: str) -> list[Chunk]:
    return [_record(draft, measured, kind, pair_id, index, len(drafts)) for index, draft in enumerate(drafts)]


def _record(draft: Draft, measured: MeasuredFile, kind: str, pair_id: str, index: int, count: int) -> Chunk:
    """The record of a draft: chunk `index` of `count`."""
    keys, declarations = measured.keys, measured.file.declarations
    in_full = {*draft.focal, *(part.index for part in draft.context if part.form == "full")}
    visible = in_full | {part.index for part in draft.context}
    targets = [target for i in draft.focal for target in declarations[i].references]
    text = draft.text.decode("utf-8", "replace")
    context = sorted(draft.context, key=lambda part: part.index)
    return Chunk(
        id=short_hash(pair_id, kind, str(measured.budget), str(index), text),
        pair_id=pair_id,
        index=index,
        count=count,
        kind=kind,
        text=text,
        tokens=draft.tokens,
        budget=measured.budget,
        focal=tuple(keys[i] for i in draft.focal),
        functions=tuple(keys[i] for i in draft.focal if declarations[i].is_function),
        context=tuple(Shown(keys[part.index], part.form) for part in context),
        omitted=tuple(keys[i] for i in sorted(set(targets) - visible)),
        cut_edges=sum(target not in in_full for target in targets),
        over_budget=draft.tokens > measured.budget,
        shortened=draft.shortened,
    )


def _file_record(source: bytes, tokens: int | None, budget: int, pair_id: str) -> Chunk:
    """The record of a file that is one chunk; `tokens` is None if its bytes alone are within the budget."""
    file = parse(source)
    keys = declaration_keys(file)
    text = source.decode("utf-8", "replace")
    return Chunk(
        id=short_hash(pair_id, "file", str(budget), "0", text),
        pair_id=pair_id,
        index=0,
        count=1,
        kind="file",
        text=text,
        tokens=tokens,
        budget=budget,
        focal=tuple(keys),
        functions=tuple(k for k, d in zip(keys, file.declarations, strict=True) if d.is_function),
        context=(),
        omitted=(),
        cut_edges=0,
        over_budget=tokens is not None and tokens > budget,
    )
