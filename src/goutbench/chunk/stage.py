"""Cuts a file that is too long for one prompt along its dependency graph (Equation 1 of the paper)."""

from dataclasses import replace

from goutbench.chunk.context import Draft, Plan, drafts, make_plan, shortened
from goutbench.chunk.evidence import exercises
from goutbench.chunk.graph import partition
from goutbench.chunk.render import keys
from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.golang.syntax.file import GoFile, parse
from goutbench.records import Chunk, Shown, short_hash

BUDGET = 15_360  # the paper's, in tokens
_FOCAL_SHARE = 0.75  # of the budget, at most, for focal declarations; the rest is for what they refer to
_LONG = 4  # bytes a token, on which a file is so long that its parts are counted rather than the whole


def chunk_file(
    source: bytes,
    *,
    budget: int = BUDGET,
    counter: TokenCounter | None = None,
    pair_id: str = "",
    shorten: bool = False,
) -> list[Chunk]:
    """The chunks of a Go file: the file itself where it is within the budget, else pieces that stand alone.

    Every declaration is focal in exactly one chunk. A chunk passes the budget, and is flagged, only where a
    single declaration does; with `shorten` such a declaration is cut down, with "elided" where something
    went. Bytes that are not UTF-8, which Go refuses, are replaced in the texts.
    """
    counter = counter or token_counter()
    bound = counter.at_most(source)
    if bound is not None and bound <= budget:
        return [_whole(source, None, budget, pair_id)]
    file = parse(source)
    plan = make_plan(file, budget, counter) if len(source) > _LONG * budget else None
    if plan is None or sum(plan.sizes.texts) < 1.1 * budget:
        (tokens,) = counter.count([source.decode("utf-8", "replace")])
        if tokens <= budget or not file.declarations:
            return [_whole(source, tokens, budget, pair_id)]
    plan = plan or make_plan(file, budget, counter)
    made = cut(plan)
    if shorten:
        made = [shortened(plan, draft) if draft.tokens > budget else draft for draft in made]
    return [_record(plan, draft, "part", pair_id, index, len(made)) for index, draft in enumerate(made)]


def cut(plan: Plan) -> list[Draft]:
    """The pieces of a planned file, even where it is within the budget."""
    return _drafts(plan, partition(plan.edges, plan.sizes, int(plan.budget * _FOCAL_SHARE)))


def function_chunks(
    source: bytes,
    *,
    tests: bytes | None = None,
    budget: int = BUDGET,
    counter: TokenCounter | None = None,
    pair_id: str = "",
) -> list[Chunk]:
    """One chunk for each function and method of the file, with its context: a prompt for training.

    With the content of a test file, each chunk names the test functions that exercise its function.
    """
    file = parse(source)
    plan = make_plan(file, budget, counter or token_counter())
    focal = [[i] for i, d in enumerate(file.declarations) if d.is_function]
    found = exercises(file, parse(tests)) if tests is not None else {}
    made = drafts(plan, focal)
    chunks = [_record(plan, draft, "function", pair_id, n, len(made)) for n, draft in enumerate(made)]
    return [replace(chunk, tests=found.get(i, ())) for chunk, (i,) in zip(chunks, focal, strict=True)]


def _record(plan: Plan, made: Draft, kind: str, pair_id: str, index: int, count: int) -> Chunk:
    """The record of a draft: the `index`-th of `count` chunks."""
    names, declarations = keys(plan.file), plan.file.declarations
    in_full = {*made.focal, *(part.index for part in made.context if part.form == "full")}
    shown = in_full | {part.index for part in made.context}
    wanted = [target for i in made.focal for target in declarations[i].references]
    text = made.text.decode("utf-8", "replace")
    return Chunk(
        id=short_hash(pair_id, kind, str(plan.budget), str(index), text),
        pair_id=pair_id,
        index=index,
        count=count,
        kind=kind,
        text=text,
        tokens=made.tokens,
        budget=plan.budget,
        focal=tuple(names[i] for i in made.focal),
        functions=tuple(names[i] for i in made.focal if declarations[i].is_function),
        context=tuple(Shown(names[p.index], p.form) for p in sorted(made.context, key=lambda p: p.index)),
        omitted=tuple(names[i] for i in sorted(set(wanted) - shown)),
        cut_edges=sum(target not in in_full for target in wanted),
        over_budget=made.tokens > plan.budget,
        shortened=made.shortened,
    )


def _drafts(plan: Plan, groups: list[list[int]]) -> list[Draft]:
    """Drafts of the groups; a group that turns out too long, since tokens do not add up, is halved."""
    made = []
    for draft in drafts(plan, groups):
        middle = len(draft.focal) // 2
        if draft.tokens > plan.budget and middle:
            made += _drafts(plan, [draft.focal[:middle], draft.focal[middle:]])
        else:
            made.append(draft)
    return made


def _whole(source: bytes, tokens: int | None, budget: int, pair_id: str) -> Chunk:
    file: GoFile = parse(source)
    names = keys(file)
    functions = [n for n, d in zip(names, file.declarations, strict=True) if d.is_function]
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
        focal=tuple(names),
        functions=tuple(functions),
        context=(),
        omitted=(),
        cut_edges=0,
        over_budget=tokens is not None and tokens > budget,
    )
