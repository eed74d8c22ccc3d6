"""The `generate` stage: from the items of a dataset to prompts, completions and candidates."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from goutbench.assemble.package_context import package_context
from goutbench.assemble.pieces import PackageContext
from goutbench.assemble.stage import MODES, assemble, candidate_of
from goutbench.baselines.baseline import baseline_of
from goutbench.baselines.names import is_baseline
from goutbench.config import Price
from goutbench.dataset.shards import ShardPlan, claim
from goutbench.dataset.store import file_hash, read_manifest, read_pairs, write_json, write_rows
from goutbench.errors import ConfigError
from goutbench.generate.complete import Completer, Completions, completion_call, open_journal
from goutbench.generate.items import (
    FirstAnswer,
    Item,
    build_items,
    distinct_prompts,
    items_without_prompts,
    read_items,
)
from goutbench.generate.options import GenerateOptions
from goutbench.generate.summary import count_errors
from goutbench.generate.tuned import with_weights_revision
from goutbench.golang.syntax.parser import parse
from goutbench.inference.batch.replay import BatchConnection
from goutbench.inference.batch.replies import BatchReplies
from goutbench.inference.calls import Call, CallPlan, Connection
from goutbench.inference.models import (
    Server,
    open_model,
)
from goutbench.locations import CANDIDATES, COMPLETIONS, PROMPTS, ROUNDS, SPLIT_FOLDER
from goutbench.prompts.library import load_prompt
from goutbench.prompts.prompt import completion_text
from goutbench.records import Candidate, Completion, Pair, Prompt, short_hash


class Assembler:
    """Assembles a model's completions, given the other paired files of each package."""

    def __init__(self, pairs: Iterable[Pair], model: str, mode: str) -> None:
        self._model, self._mode = model, mode
        self._packages: dict[tuple[str, str], list[Pair]] = {}
        for pair in pairs:
            self._packages.setdefault(_package_folder(pair), []).append(pair)
        self._cached: tuple[str, PackageContext] | None = None

    def answer(self, item: Item, completions: Completions, sample: int) -> FirstAnswer:
        """The candidate of an item's completions; without any text it has no code, and still counts."""
        replies = [completions[prompt.id, sample] for prompt in item.prompts]
        texts, ids = [reply.text for reply in replies], [reply.id for reply in replies]
        return FirstAnswer(item, self.candidate(item, texts, ids, self._mode, sample))

    def candidate(
        self, item: Item, replies: Sequence[str], completion_ids: Iterable[str], mode: str, sample: int
    ) -> Candidate:
        """The candidate that replies about an item make together, with the tests that they add to."""
        if item.existing_test:
            replies = [completion_text(item.existing_test), *replies]
        assembly = assemble(replies, mode=mode, context=self._context(item.pair))
        candidate = candidate_of(assembly, item.pair.id, self._model, tuple(completion_ids))
        asked = item.prompts[0]
        return replace(
            candidate, focal=item.focal, sample=sample, prompt=asked.prompt, prompt_hash=asked.prompt_hash
        )

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


@dataclass(slots=True)
class Generated:
    """The records of a run: of the first answers, followed by those of the feedback rounds."""

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
            "errors": count_errors(completion.error for completion in self.completions),
        }
        write_json(out / "run.json", json.loads(json.dumps(content)))


@dataclass(frozen=True, slots=True)
class Session:
    """A model at work on the items of a dataset, with the open journal of its run folder."""

    dataset: Path
    out: Path
    items: list[Item]
    completer: Completer
    assembler: Assembler

    def first_answers(self) -> tuple[list[FirstAnswer], Generated]:
        """Ask for the first answer to every prompt, as many samples as the options say."""
        samples = self.completer.options.samples
        prompts = distinct_prompts(self.items)
        completions = self.completer.complete(prompts, samples)
        answers = [
            self.assembler.answer(item, completions, sample)
            for item in self.items
            for sample in range(samples)
        ]
        candidates = [answer.candidate for answer in answers]
        return answers, Generated(prompts, list(completions.values()), candidates)

    def write(self, records: Generated, **facts: Any) -> None:
        """Write the run folder, with further facts about the run."""
        records.write(self.out, len(self.items), **self.facts, **facts)

    @property
    def facts(self) -> dict[str, Any]:
        """What `run.json` says of model, options, dataset and prompt."""
        options = self.completer.options
        inputs = _inputs(self.dataset, self.completer.model, options)
        return inputs | {"prompt": load_prompt(options.prompt).identity}


def _inputs(dataset: Path, model: str, options: GenerateOptions) -> dict[str, Any]:
    """What `run.json` says of the inputs of a run.

    With a split also the SHA-256 of its table, because another seed makes other splits of the same name.
    """
    facts = {
        "model": model,
        "options": asdict(options),
        "dataset": {"pairs": read_manifest(dataset)["pairs"]},
    }
    if not options.split:
        return facts
    table = dataset / SPLIT_FOLDER / f"{options.split.partition(':')[0]}.parquet"
    return facts | {"split_sha256": file_hash(table)}


@contextmanager
def open_session(
    dataset: Path,
    out: Path,
    model: str,
    options: GenerateOptions,
    *,
    price: Price | None = None,
    server: Server | None = None,
    shard: ShardPlan | None = None,
    replies: BatchReplies | None = None,
) -> Iterator[Session]:
    """Open the model, the dataset and the journal. Raises as `generate` does.

    With the `replies` of batch files, the model is not asked.
    """
    check_mode(options)  # before any call, which may cost money
    options, server = with_weights_revision(options, model), server or Server()
    pairs = list(read_pairs(dataset))
    items = build_items(dataset, pairs, options, shard.pairs if shard else None)
    connection = _connect(model, server, options, out / "logs", replies)
    if replies is not None:
        replies.check({call.key for call in calls_of(items, str(connection.model), options)})
    assembler = Assembler(pairs, str(connection.model), options.mode)
    with open_journal(out) as journal:
        session = Session(dataset, out, items, Completer(connection, options, journal, price), assembler)
        claim(out, shard, "generate", session.facts, _units(items, options.samples))
        journal.open()
        yield session


def check_mode(options: GenerateOptions) -> None:
    """Raises ConfigError for a way to make one file of completions that does not exist."""
    if options.mode not in MODES:
        hint = f"use one of: {', '.join(MODES)}"
        raise ConfigError(f"{options.mode!r} is not a mode", where="--mode", hint=hint)


def _connect(
    model: str, server: Server, options: GenerateOptions, logs: Path, replies: BatchReplies | None
) -> Connection | BatchConnection:
    if replies is not None:
        return BatchConnection.open(model, server, replies, temperature=options.temperature, logs=logs)
    return Connection(open_model(model, server, temperature=options.temperature), logs, server.display)


def calls_of(items: Sequence[Item], model: str, options: GenerateOptions) -> list[Call[Completion]]:
    """The calls for the first answers to the prompts of items."""
    return [
        completion_call(prompt, model, options, sample)
        for prompt in distinct_prompts(items)
        for sample in range(options.samples)
    ]


def _units(items: Iterable[Item], samples: int) -> list[str]:
    """The keys of the candidates that items get."""
    return [unit_key(item.pair.id, item.focal, sample) for item in items for sample in range(samples)]


def unit_key(pair_id: str, focal: Iterable[str], sample: int) -> str:
    """Names one sample of an item in `shard.json`."""
    return " ".join((pair_id, *focal, str(sample)))


def generate(
    dataset: Path,
    out: Path,
    model: str,
    options: GenerateOptions,
    *,
    price: Price | None = None,
    server: Server | None = None,
    shard: ShardPlan | None = None,
    replies: BatchReplies | None = None,
) -> list[Candidate]:
    """Have a model write the tests of a dataset, or of a shard of it, and write the run folder.

    The run folder holds prompts, completions, candidates and `run.json`; `goutbench execute
    OUT/candidates.parquet --dataset DATASET --out OUT` continues from there. The same call after a kill
    repeats no call that was answered. With the `replies` of batch files nothing is asked: they are the
    model's answers, and a call without one fails. Raises ConfigError, also where the folder has rounds of
    feedback; DatasetError, StorageError.
    """
    if (out / ROUNDS).exists():  # its results are of candidates that this call would leave out
        raise ConfigError(
            "the folder has rounds of feedback", where=str(out), hint="give --rounds, or another --out"
        )
    if is_baseline(model):
        return write_baseline(dataset, out, model, options, shard)
    with open_session(
        dataset, out, model, options, price=price, server=server, shard=shard, replies=replies
    ) as session:
        _, records = session.first_answers()
    session.write(records)
    return records.candidates


def write_baseline(
    dataset: Path, out: Path, model: str, options: GenerateOptions, shard: ShardPlan | None = None
) -> list[Candidate]:
    """Write the run folder of a baseline, which needs no prompts. Raises as `generate` does."""
    test_of, pairs = baseline_of(model), list(read_pairs(dataset))
    items = items_without_prompts(dataset, pairs, options, shard.pairs if shard else None)
    inputs = _inputs(dataset, model, options)
    claim(out, shard, "generate", inputs, _units(items, 1))
    tests = {pair.id: test_of(pair) for pair in {item.pair.id: item.pair for item in items}.values()}
    candidates = [_baseline_candidate(item, model, tests[item.pair.id]) for item in items]
    Generated([], [], candidates).write(out, len(items), **inputs)
    return candidates


def _baseline_candidate(item: Item, model: str, code: str) -> Candidate:
    return Candidate(
        id=short_hash(item.pair.id, model, *item.focal, code),
        pair_id=item.pair.id,
        model=model,
        completion_ids=(),
        code=code,
        package=parse(code.encode("utf-8", "surrogateescape")).package,
        mode="append",
        notes=(),
        focal=item.focal,
    )


def plan(
    dataset: Path, out: Path, model: str, options: GenerateOptions, shard: ShardPlan | None = None
) -> CallPlan:
    """What `generate` would ask, without asking."""
    only = shard.pairs if shard else None
    if is_baseline(model):
        items = items_without_prompts(dataset, list(read_pairs(dataset)), options, only)
        return CallPlan(len(items), *[0] * 6)
    options = with_weights_revision(options, model)
    items = read_items(dataset, options, only)
    with open_journal(out) as journal:
        return CallPlan.of(calls_of(items, model, options), journal, options.window, items=len(items))
