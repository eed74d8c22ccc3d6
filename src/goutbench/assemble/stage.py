"""Assembles a model's replies into one test file: the last step of generation (Equation 3 of the paper).

The modes:

- `append` concatenates the code of all replies, as the paper describes: the baseline.
- `merge` writes one package clause and one import declaration, folds equal declarations and renames clashing
  ones (`merge.py`).
- `llm` asks a model to combine the replies, as the paper suggests; the prompt, `combine`, is our own.

The kinds of notes in an assembly:

  in a reply     thinking_dropped, unwrapped, undone, block_skipped, lines_dropped, statement_refused,
                 truncated, broken, no_code
  in merging     source_repeated, folded, superseded, renamed, unqualified, dropped, package_chosen,
                 constraint_dropped
  in imports     import_added, import_dropped, import_renamed, import_corrected, unresolved
  by a model     lost
"""

from collections.abc import Iterator, Sequence

from goutbench.assemble.combine import Complete, combine_prompt
from goutbench.assemble.extract import extract
from goutbench.assemble.inputs import Reply
from goutbench.assemble.merge import merge
from goutbench.assemble.pieces import PackageContext, Unit
from goutbench.errors import ConfigError
from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.gofmt import gofmt
from goutbench.records import Assembly, Candidate, Note, short_hash

MODES = ("merge", "append", "llm")


def assemble(
    replies: Sequence[str],
    *,
    mode: str = "merge",
    context: PackageContext | None = None,
    complete: Complete | None = None,
) -> Assembly:
    """One test file from the replies for one focal file.

    `context` has the declarations of the focal file's package; without it, merging sees the replies only.
    Raises ConfigError for an unknown mode or for `llm` without a model, ToolError without a Go toolchain.
    """
    extractions = [extract(reply, number) for number, reply in enumerate(replies)]
    units = [unit for extraction in extractions for unit in extraction.units]
    notes = tuple(note for extraction in extractions for note in extraction.notes)
    if mode == "append":
        code = b"\n".join(unit.file.source for unit in units)
        formatted = gofmt([code])[0].code  # None: several package clauses are not Go
        package = units[0].file.package if units else None
        return Assembly((code if formatted is None else formatted).decode(), package, mode, notes)
    if mode == "merge":
        merged = merge(units, context)
        return Assembly(merged.code, merged.package, mode, notes + merged.notes)
    if mode == "llm":
        if complete is None:
            raise ConfigError("mode llm needs a model", hint="name one with --model, or use --mode merge")
        return _combine(units, notes, context, complete)
    raise ConfigError(f"unknown mode {mode!r}", hint=f"use one of {', '.join(MODES)}")


def _combine(
    units: Sequence[Unit], notes: tuple[Note, ...], context: PackageContext | None, complete: Complete
) -> Assembly:
    if not units:
        return Assembly("", None, "llm", notes)
    extraction = extract(complete([{"role": "user", "content": combine_prompt(units, context)}]))
    merged = merge(extraction.units, context)
    tests = {test.name for test in parse(merged.code.encode()).tests}
    lost = [
        Note("lost", test.name, "the combining model omitted or renamed it", unit.reply)
        for unit in units
        for test in unit.file.tests
        if test.name not in tests
    ]
    return Assembly(merged.code, merged.package, "llm", (*notes, *extraction.notes, *merged.notes, *lost))


def assemble_candidates(
    replies: Sequence[Reply],
    *,
    mode: str = "merge",
    context: PackageContext | None = None,
    complete: Complete | None = None,
) -> Iterator[Candidate]:
    """One candidate for each pair and model, in the order of their first replies."""
    groups: dict[tuple[str, str], list[Reply]] = {}
    for reply in replies:
        groups.setdefault((reply.pair_id, reply.model), []).append(reply)
    for (pair_id, model), group in groups.items():
        texts = [reply.text for reply in group]
        assembly = assemble(texts, mode=mode, context=context, complete=complete)
        yield candidate_of(assembly, pair_id, model, tuple(reply.id for reply in group))


def candidate_of(assembly: Assembly, pair_id: str, model: str, completion_ids: tuple[str, ...]) -> Candidate:
    """The record of an assembled file; its id depends on the completions, the mode and the code."""
    return Candidate(
        id=short_hash(pair_id, model, assembly.mode, *completion_ids, assembly.code),
        pair_id=pair_id,
        model=model,
        completion_ids=completion_ids,
        code=assembly.code,
        package=assembly.package,
        mode=assembly.mode,
        notes=assembly.notes,
    )
