"""The `generate` stage on files: dataset in, prompts, completions and candidates out."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from goutbench.assemble.file import assemble
from goutbench.assemble.package_context import PackageContext, package_context
from goutbench.assemble.stage import candidate_of
from goutbench.chunk import token_counter
from goutbench.chunk.tokens import tokenizer_file
from goutbench.config import Price
from goutbench.dataset.store import file_hash, read_manifest, read_pairs, read_table, write_json, write_rows
from goutbench.generate.asking import Answers, Asker, fits_window
from goutbench.generate.items import Item, read_items
from goutbench.generate.journal import Journal
from goutbench.generate.options import Options
from goutbench.generate.repair import repaired
from goutbench.generate.task import keep_at_once, key_of
from goutbench.inference.models import Server, asked_in_training, local_folder, open_model, weights_hash
from goutbench.records import Candidate, Completion, Pair, Prompt

PROMPTS, COMPLETIONS, CANDIDATES = "prompts.parquet", "completions.parquet", "candidates.parquet"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will ask: items, calls that are still to be made, and their tokens."""

    items: int
    prompts: int
    calls: int
    kept: int
    overflow: int
    input_tokens: int
    output_tokens_at_most: int


def plan(dataset: Path, out: Path, model: str, options: Options) -> Plan:
    """What `generate` would do, without asking anybody anything."""
    options = named(options, model)
    items = read_items(dataset, options)
    prompts = _distinct(items)
    with Journal(out) as done:
        fits = [prompt for prompt in prompts if fits_window(prompt, options)]
        calls = [(p, n) for p in fits for n in range(options.samples)]
        todo = [p for p, n in calls if done.find(key_of(p, model, options, n)) is None]
    return Plan(
        items=len(items),
        prompts=len(prompts),
        calls=len(todo),
        kept=len(calls) - len(todo),
        overflow=len(prompts) - len(fits),
        input_tokens=sum(prompt.tokens for prompt in todo),
        output_tokens_at_most=len(todo) * options.max_tokens,
    )


def named(options: Options, model: str) -> Options:
    """The options with a local model's weights as its revision, unless one is given: training goes on in the
    same folder, and what an earlier state of it wrote must not pass for what this one writes."""
    folder = local_folder(model)
    return replace(options, revision=weights_hash(folder)) if folder and not options.revision else options


def other_than_in_training(options: Options, model: str) -> str:
    """The options that a tuned model was asked with in training, where these are others; else empty. Budgets
    are counted in tokens, so the tokenizer is one of them."""
    folder = local_folder(model)
    asked = asked_in_training(folder) if folder else {}
    if not folder or not asked:
        return ""
    given, counts = asdict(options), tokenizer_file(folder)
    alike = all(given.get(name) == value for name, value in asked.items())
    if alike and _same_file(tokenizer_file(Path(options.tokenizer)), counts):
        return ""
    words = " ".join(f"--{name} {value}" for name, value in asked.items())
    return f"{words} --tokenizer {counts}"


def _same_file(one: Path, other: Path) -> bool:
    """Whether both hold the same; so, too, where the second is not there to compare with."""
    return not other.is_file() or (one.is_file() and file_hash(one) == file_hash(other))


def generate(
    dataset: Path,
    out: Path,
    model: str,
    options: Options,
    *,
    price: Price | None = None,
    server: Server | None = None,
) -> list[Candidate]:
    """Have the model write tests, and write the run folder: prompts, completions, candidates, `run.json`.

    `goutbench execute OUT/candidates.parquet --out OUT` goes on from there. The same call after a kill
    repeats no call that was answered. Raises ConfigError, DatasetError, StorageError.
    """
    options = named(options, model)
    items = read_items(dataset, options)
    prompts, server = _distinct(items), server or Server()
    chosen = open_model(model, server, temperature=options.temperature)
    with Journal(out) as done:
        keep_at_once(chosen, done)
        asker = Asker(chosen, options, done, out / "logs", price, server.display)
        found = asker.ask(prompts, samples=options.samples)
        contexts = _Contexts(dataset)
        candidates = _candidates(contexts, items, found, str(chosen), options)
        if options.repair:
            more, asked, answers = _repair(contexts, items, candidates, out, asker)
            candidates, prompts, found = [*candidates, *more], [*prompts, *asked], found | answers
    _write(out, dataset, prompts, list(found.values()), candidates, str(chosen), options)
    return candidates


def _repair(
    contexts: "_Contexts", items: Sequence[Item], first: Sequence[Candidate], out: Path, asker: Asker
) -> tuple[list[Candidate], list[Prompt], Answers]:
    by_key = {(item.pair.id, item.focal): item for item in items}
    own = {candidate.id: by_key[candidate.pair_id, candidate.focal] for candidate in first}

    def assembled(candidate: Candidate, answer: Completion) -> Candidate:
        item = by_key[candidate.pair_id, candidate.focal]
        return _candidate(contexts, item, [answer], asker.name, asker.options)

    prompts = {key: item.prompts[0] for key, item in own.items()}
    return repaired(first, prompts, out, asker, token_counter(asker.options.tokenizer), assembled)


def _distinct(items: Sequence[Item]) -> list[Prompt]:
    return list({prompt.id: prompt for item in items for prompt in item.prompts}.values())


def _candidates(
    contexts: "_Contexts",
    items: Sequence[Item],
    found: Mapping[tuple[str, int], Completion],
    model: str,
    options: Options,
) -> list[Candidate]:
    """One candidate for each item and sample; one without any reply has no code, and counts."""
    return [
        replace(_candidate(contexts, item, replies, model, options), sample=number)
        for item in items
        for number in range(options.samples)
        for replies in [[found[prompt.id, number] for prompt in item.prompts]]
    ]


def _candidate(
    contexts: "_Contexts", item: Item, replies: Sequence[Completion], model: str, options: Options
) -> Candidate:
    context = contexts.of(item.pair)
    assembly = assemble([reply.text for reply in replies], mode=options.mode, context=context)
    ids = tuple(reply.id for reply in replies)
    return replace(candidate_of(assembly, item.pair.id, model, ids), focal=item.focal)


class _Contexts:
    """What a test file meets in its package, as far as the dataset shows it: the folder's paired files."""

    def __init__(self, dataset: Path) -> None:
        self._folders: dict[tuple[str, str], list[Pair]] = {}
        for pair in read_pairs(dataset):
            self._folders.setdefault(self._folder(pair), []).append(pair)
        self._made: dict[str, PackageContext] = {}

    def of(self, pair: Pair) -> PackageContext:
        if pair.id not in self._made:
            siblings = [
                (PurePosixPath(path).name, text.encode("utf-8", "surrogateescape"))
                for other in self._folders[self._folder(pair)]
                for path, text in ((other.code_path, other.code), (other.test_path, other.test))
                if path not in (pair.code_path, pair.test_path)
            ]
            self._made = {pair.id: package_context(pair.code.encode("utf-8", "surrogateescape"), siblings)}
        return self._made[pair.id]

    @staticmethod
    def _folder(pair: Pair) -> tuple[str, str]:
        return pair.repository, str(PurePosixPath(pair.code_path).parent)


def _write(
    out: Path,
    dataset: Path,
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    candidates: Sequence[Candidate],
    model: str,
    options: Options,
) -> None:
    write_rows(out / PROMPTS, [_prompt_row(prompt) for prompt in prompts])
    write_rows(out / COMPLETIONS, [asdict(completion) for completion in completions])
    write_rows(out / CANDIDATES, [asdict(candidate) for candidate in candidates])
    content = {
        "model": model,
        "options": asdict(options),
        "dataset": {"pairs": read_manifest(dataset)["pairs"]},
        "templates": {prompt.template: prompt.template_hash for prompt in prompts},
        "versions": {name: version(name) for name in ("goutbench", "inspect_ai")},
        "items": len(candidates),
        "errors": _counts(completion.error for completion in completions),
    }
    write_json(out / "run.json", json.loads(json.dumps(content)))


def _prompt_row(prompt: Prompt) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in prompt.messages]
    return {**asdict(prompt), "messages": messages}


def _counts(errors: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(error for error in errors if error).items()))


def summary(out: Path, made: Sequence[Candidate]) -> dict[str, Any]:
    """What a run came to, in numbers for a terminal."""
    rows = read_table(out / COMPLETIONS).to_pylist()
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "candidates": len(made),
        "with code": sum(bool(candidate.code.strip()) for candidate in made),
        "errors": _counts(row["error"] for row in rows),
        "input tokens": sum(row["input_tokens"] for row in rows),
        "output tokens": sum(row["output_tokens"] for row in rows),
        "seconds of the model": round(sum(row["seconds"] for row in rows), 1),
        **({"cost": round(sum(costs), 6)} if costs else {}),
        "next": f"goutbench execute {out / CANDIDATES} --out {out}",
    }
