"""The `generate` stage: from the items of a dataset to prompts, completions and candidates."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from goutbench.assemble.package_context import PackageContext, package_context
from goutbench.assemble.stage import MODES, assemble, candidate_of
from goutbench.chunk.tokens import token_counter, tokenizer_file
from goutbench.config import Price
from goutbench.dataset.store import file_hash, read_manifest, read_pairs, read_table, write_json, write_rows
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.generate.complete import Completer, Completions, completion_call, open_journal
from goutbench.generate.items import Item, build_items, distinct_prompts, read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.repair import execute_command, read_build_errors, repair_prompt
from goutbench.inference.calls import MODEL_ERROR, OVERFLOW, CallPlan, Connection
from goutbench.inference.models import (
    Server,
    local_folder,
    open_model,
    training_prompt_settings,
    weights_hash,
)
from goutbench.locations import CANDIDATES, COMPLETIONS, PROMPTS
from goutbench.records import Candidate, Completion, Pair, Prompt

_HINTS = {
    MODEL_ERROR: "check the server, its address and the key; the same command asks again",
    OVERFLOW: "give a larger --window if the model has one, or a smaller --budget",
}


@dataclass(slots=True)
class Generated:
    """The records of a run: of the first answers, followed by those of the repair rounds."""

    prompts: list[Prompt]
    completions: list[Completion]
    candidates: list[Candidate]

    def write(self, out: Path, items: int, **facts: Any) -> None:
        """Write the tables, and `run.json` with the number of items and these facts about the run."""
        rows = [
            asdict(prompt) | {"messages": [{"role": role, "content": text} for role, text in prompt.messages]}
            for prompt in self.prompts
        ]
        write_rows(out / PROMPTS, rows)
        write_rows(out / COMPLETIONS, [asdict(completion) for completion in self.completions])
        write_rows(out / CANDIDATES, [asdict(candidate) for candidate in self.candidates])
        content = {
            **facts,
            "templates": {prompt.template: prompt.template_hash for prompt in self.prompts},
            "versions": {name: version(name) for name in ("goutbench", "inspect_ai")},
            "items": items,
            "candidates": len(self.candidates),
            "errors": _count_errors(completion.error for completion in self.completions),
        }
        write_json(out / "run.json", json.loads(json.dumps(content)))


def generate(
    dataset: Path,
    out: Path,
    model: str,
    options: GenerateOptions,
    *,
    price: Price | None = None,
    server: Server | None = None,
) -> list[Candidate]:
    """Have a model write the tests of a dataset, and write the run folder.

    The run folder holds prompts, completions, candidates and `run.json`; `goutbench execute
    OUT/candidates.parquet --dataset DATASET --out OUT` continues from there. The same call after a kill
    repeats no call that was answered. Raises ConfigError, DatasetError, StorageError.
    """
    if options.mode not in MODES:  # before any call, which may cost money
        raise ConfigError(
            f"{options.mode!r} is not a mode", where="--mode", hint=f"use one of: {', '.join(MODES)}"
        )
    options, server = with_weights_revision(options, model), server or Server()
    pairs = list(read_pairs(dataset))
    items = build_items(dataset, pairs, options)
    connection = Connection(
        open_model(model, server, temperature=options.temperature), out / "logs", server.display
    )
    assembler = _Assembler(pairs, str(connection.model), options.mode)
    with open_journal(out) as journal:
        journal.open()
        completer = Completer(connection, options, journal, price)
        prompts = distinct_prompts(items)
        completions = completer.complete(prompts, options.samples)
        drafts = [
            assembler.draft(item, item.prompts, completions, sample)
            for item in items
            for sample in range(options.samples)
        ]
        candidates = [draft.candidate for draft in drafts]
        records = Generated(prompts, list(completions.values()), candidates)
        if options.repair:
            errors = read_build_errors(out, dataset)
            _repair(drafts, errors, completer, assembler, records)
    records.write(
        out,
        len(items),
        model=completer.model,
        options=asdict(options),
        dataset={"pairs": read_manifest(dataset)["pairs"]},
    )
    return records.candidates


def plan(dataset: Path, out: Path, model: str, options: GenerateOptions) -> CallPlan:
    """What `generate` would ask, without asking."""
    options = with_weights_revision(options, model)
    items = read_items(dataset, options)
    calls = [
        completion_call(prompt, model, options, sample)
        for prompt in distinct_prompts(items)
        for sample in range(options.samples)
    ]
    with open_journal(out) as journal:
        return CallPlan.of(calls, journal, options.window, items=len(items))


def with_weights_revision(options: GenerateOptions, model: str) -> GenerateOptions:
    """The options with the hash of a local model's weights as its revision, unless they name a revision.

    Training continues in the same folder, so the folder's name does not identify the model.
    """
    folder = local_folder(model)
    return replace(options, revision=weights_hash(folder)) if folder and not options.revision else options


def differs_from_training(options: GenerateOptions, model: str) -> str:
    """The options with which a tuned model was trained, if these options differ; otherwise empty.

    Budgets count tokens, so the tokenizer is one of the options.
    """
    folder = local_folder(model)
    settings = training_prompt_settings(folder) if folder else {}
    if not folder or not settings:
        return ""
    current, expected = tokenizer_file(Path(options.tokenizer)), tokenizer_file(folder)
    same_tokenizer = not expected.is_file() or (
        current.is_file() and file_hash(current) == file_hash(expected)
    )
    used = asdict(options)
    if same_tokenizer and all(used.get(name) == value for name, value in settings.items()):
        return ""
    flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())
    return f"{flags} --tokenizer {expected}"


def summary(out: Path, dataset: Path, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """The counts of a run for a terminal, with an example of what failed.

    Raises GoutbenchError where the model answered no call: there is nothing to execute.
    """
    rows = read_table(out / COMPLETIONS).to_pylist()
    failed = [row for row in rows if row["error"] in (MODEL_ERROR, OVERFLOW)]
    failures = _failures(failed, len(rows))
    if rows and len(failed) == len(rows):
        raise GoutbenchError(
            f"the model answered no call: {failures}", where=str(out), hint=_HINTS[failed[0]["error"]]
        )
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "candidates": len(candidates),
        "with code": sum(bool(candidate.code.strip()) for candidate in candidates),
        "errors": _count_errors(row["error"] for row in rows),
        **({"failed calls": failures} if failed else {}),
        "input tokens": sum(row["input_tokens"] for row in rows),
        "output tokens": sum(row["output_tokens"] for row in rows),
        "model seconds": round(sum(row["seconds"] for row in rows), 1),
        **({"cost": round(sum(costs), 6)} if costs else {}),
        "next": execute_command(out, dataset),
    }


def _failures(failed: Sequence[Mapping[str, Any]], calls: int) -> str:
    """ "2 of 6, such as: Connection error." """
    detail = next((row["detail"] for row in failed if row["detail"]), "")
    printable = "".join(char if char.isprintable() else " " for char in detail)
    return f"{len(failed)} of {calls} failed" + (f", such as: {printable}" if printable else "")


@dataclass(frozen=True, slots=True)
class _Draft:
    """A candidate with its item and the prompts that led to it."""

    item: Item
    prompts: Sequence[Prompt]
    candidate: Candidate


class _Assembler:
    """Assembles a model's completions into candidates, given the other paired files of each package."""

    def __init__(self, pairs: Iterable[Pair], model: str, mode: str) -> None:
        self._model, self._mode = model, mode
        self._packages: dict[tuple[str, str], list[Pair]] = {}
        for pair in pairs:
            self._packages.setdefault(_package_folder(pair), []).append(pair)
        self._cached: tuple[str, PackageContext] | None = None

    def draft(
        self,
        item: Item,
        prompts: Sequence[Prompt],
        completions: Completions,
        sample: int,
        repair_round: int = 0,
    ) -> _Draft:
        """The candidate of an item's completions; without any text it has no code, and still counts."""
        replies = [completions[prompt.id, sample] for prompt in prompts]
        assembly = assemble(
            [reply.text for reply in replies], mode=self._mode, context=self._context(item.pair)
        )
        ids = tuple(reply.id for reply in replies)
        candidate = candidate_of(assembly, item.pair.id, self._model, ids)
        return _Draft(item, prompts, replace(candidate, focal=item.focal, sample=sample, round=repair_round))

    def _context(self, pair: Pair) -> PackageContext:
        if self._cached is None or self._cached[0] != pair.id:
            siblings = [
                (PurePosixPath(path).name, text.encode("utf-8", "surrogateescape"))
                for sibling in self._packages[_package_folder(pair)]
                for path, text in ((sibling.code_path, sibling.code), (sibling.test_path, sibling.test))
                if path not in (pair.code_path, pair.test_path)
            ]
            self._cached = pair.id, package_context(pair.code.encode("utf-8", "surrogateescape"), siblings)
        return self._cached[1]


def _package_folder(pair: Pair) -> tuple[str, str]:
    return pair.repository, str(PurePosixPath(pair.code_path).parent)


def _repair(
    drafts: Sequence[_Draft],
    errors: Mapping[str, str],
    completer: Completer,
    assembler: _Assembler,
    records: Generated,
) -> None:
    """Add the records of all repair rounds that are possible now.

    A round asks about the candidates of the round before that do not build. Where these were not executed
    yet, it is the last: `goutbench execute` and then the same command continue. `errors` are those of the
    compiler, by candidate id.
    """
    counter = token_counter(completer.options.tokenizer)
    for repair_round in range(1, completer.options.repair + 1):
        broken = [draft for draft in drafts if draft.candidate.id in errors]
        prompts = [
            repair_prompt(draft.prompts[0], draft.candidate, errors[draft.candidate.id], counter)
            for draft in broken
        ]
        completions = {
            (prompt.id, draft.candidate.sample): replace(
                reply, round=repair_round, sample=draft.candidate.sample
            )
            for draft, prompt, reply in zip(
                broken, prompts, completer.complete(prompts, 1).values(), strict=True
            )
        }
        drafts = [
            assembler.draft(draft.item, [prompt], completions, draft.candidate.sample, repair_round)
            for draft, prompt in zip(broken, prompts, strict=True)
        ]
        records.prompts += prompts
        records.completions += completions.values()
        records.candidates += [draft.candidate for draft in drafts]


def _count_errors(errors: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(error for error in errors if error).items()))
