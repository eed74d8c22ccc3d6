"""Selects the items of a dataset and builds their prompts."""

import random
import re
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from goutbench.chunk.stage import chunk_file, function_chunks, functions_under_test
from goutbench.chunk.tokens import TokenCounter, token_counter
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError
from goutbench.generate.options import GenerateOptions
from goutbench.generate.task_list import ListedTasks, read_task_list
from goutbench.golang.analysis.features import concurrent_functions
from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.syntax.parser import parse
from goutbench.locations import SPLIT_FOLDER
from goutbench.parallel import available_cpus, map_items
from goutbench.prompts.cross_file import PackageIndex, folder_of
from goutbench.prompts.examples import ExamplePool
from goutbench.prompts.library import PromptFolder, load_prompt
from goutbench.prompts.prompt import NO_START, build_prompt
from goutbench.records import Candidate, Chunk, Pair, Prompt

UNITS = ("file", "function")

_MANY_PAIRS = 200
"""From here on, starting processes costs less than it saves."""

_Key = tuple[Pair, str]
"""An item before it has prompts: a pair, and the key of its focal function; empty: the file."""


@dataclass(frozen=True, slots=True)
class Item:
    """A pair, its focal functions (none: the file), and one prompt per chunk.

    `existing_test` is a test file that the completions add to; empty: there is none.
    """

    pair: Pair
    focal: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    existing_test: str = ""


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """A sample of an item: the candidate, and the item with the prompts that led to it."""

    item: Item
    candidate: Candidate


def read_items(dataset: Path, options: GenerateOptions, only: Container[str] | None = None) -> list[Item]:
    """The items of a dataset that the options select. Raises as `build_items` does."""
    return build_items(dataset, list(read_pairs(dataset)), options, only)


def build_items(
    dataset: Path, pairs: Sequence[Pair], options: GenerateOptions, only: Container[str] | None = None
) -> list[Item]:
    """The items that the options select from the dataset's pairs, in the order of the pairs.

    Of these, those of the pair ids `only`, which may be none. Raises ConfigError for an option that matches
    nothing, DatasetError.
    """
    builder, selected = _selection(dataset, pairs, options)
    if options.limit:
        keys = [key for key in _draw(list(selected), builder, options) if only is None or key[0].id in only]
        items = [item for pair, group in groupby(keys, _pair_of) for item in builder.items(pair, group)]
    else:
        items = _all_items(builder, [pair for pair in selected if only is None or pair.id in only])
    return items if only is not None else _some(items, dataset)


def _all_items(builder: "_ItemBuilder", pairs: Sequence[Pair]) -> list[Item]:
    """The items of the pairs. Where there are many pairs, each processor builds those of some folders."""
    folders = [
        list(group) for _, group in groupby(pairs, lambda pair: folder_of(pair.repository, pair.code_path))
    ]
    work = [(builder.packages.around(group[0]), group) for group in folders]
    build = partial(_items_of, replace(builder, packages=PackageIndex()))  # each worker gets the rest once
    workers = available_cpus() if len(pairs) >= _MANY_PAIRS else 1
    by_pair: dict[str, list[Item]] = {}
    for items in map_items(build, work, workers=workers):
        for item in items:
            by_pair.setdefault(item.pair.id, []).append(item)
    return [item for pair in pairs for item in by_pair.get(pair.id, ())]


def _items_of(builder: "_ItemBuilder", folder: tuple[PackageIndex, Sequence[Pair]]) -> list[Item]:
    packages, pairs = folder
    builder = replace(builder, packages=packages)
    return [item for pair in pairs for item in builder.items(pair, builder.keys(pair))]


def items_without_prompts(
    dataset: Path, pairs: Sequence[Pair], options: GenerateOptions, only: Container[str] | None = None
) -> list[Item]:
    """The same items, without prompts. Raises as `build_items` does."""
    builder, selected = _selection(dataset, pairs, options)
    if options.limit:
        keys = _draw(list(selected), builder, options)
    else:
        keys = [key for pair in selected for key in builder.keys(pair)]
    items = [
        Item(pair, (function,) if function else (), ())
        for pair, function in keys
        if only is None or pair.id in only
    ]
    return items if only is not None else _some(items, dataset)


def _selection(
    dataset: Path, pairs: Sequence[Pair], options: GenerateOptions
) -> "tuple[_ItemBuilder, Iterator[Pair]]":
    """What builds the items, and the pairs to build them from."""
    if options.unit not in UNITS:
        raise ConfigError(
            f"{options.unit!r} is not a unit", where="--unit", hint=f"use one of: {', '.join(UNITS)}"
        )
    if options.concurrent and options.unit == "file":
        hint = "add --unit function"
        raise ConfigError("only functions can be selected by this option", where="--concurrent", hint=hint)
    scheme = _Scheme.read(dataset, options.split)
    by_id = {pair.id: pair for pair in pairs}
    builder = _ItemBuilder(
        options,
        load_prompt(options.prompt),
        scheme.examples(pairs, options),
        PackageIndex.read(dataset),
        token_counter(options.tokenizer),
        read_task_list(Path(options.tasks), options.unit, by_id) if options.tasks else ListedTasks(),
    )
    return builder, scheme.select(pairs, options)


def _some(items: list[Item], dataset: Path) -> list[Item]:
    if not items:
        raise ConfigError(
            "the options select no item",
            where=str(dataset),
            hint="check --split, --paths, --pure, --concurrent and --only",
        )
    return items


def _draw(pairs: Sequence[Pair], builder: "_ItemBuilder", options: GenerateOptions) -> list[_Key]:
    """The keys of `limit` items at random, or all, in order: each item has the same chance.

    Lots are drawn without replacement. A pair has a lot for each item that it can have at most, so that only
    pairs with a drawn lot are parsed; a lot beyond a pair's items draws nothing.
    """
    lots = [(row, lot) for row, pair in enumerate(pairs) for lot in range(builder.most_keys(pair))]
    random.Random(options.seed).shuffle(lots)
    keys: dict[int, list[_Key]] = {}
    drawn: list[tuple[int, int]] = []
    for row, lot in lots:
        if row not in keys:
            keys[row] = builder.keys(pairs[row])
        if lot < len(keys[row]):
            drawn.append((row, lot))
            if len(drawn) == options.limit:
                break
    return [keys[row][lot] for row, lot in sorted(drawn)]


def _pair_of(key: _Key) -> Pair:
    return key[0]


def distinct_prompts(items: Sequence[Item]) -> list[Prompt]:
    """The prompts of the items, without repeats."""
    return list({prompt.id: prompt for item in items for prompt in item.prompts}.values())


@dataclass(frozen=True, slots=True)
class _Scheme:
    """The split and the leak group of every pair; without a scheme every pair is selected."""

    selected: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, dataset: Path, split: str) -> "_Scheme":
        """The scheme of SCHEME:SPLIT+SPLIT. Raises ConfigError if the dataset has no such split."""
        if not split:
            return cls()
        name, _, selected = split.partition(":")
        path = dataset / SPLIT_FOLDER / f"{name}.parquet"
        if not path.is_file() or not all(selected.split("+")):
            hint = _splits_of(dataset)
            raise ConfigError(f"the dataset has no split {split!r}", where=f"--split {split}", hint=hint)
        rows = read_table(path).to_pylist()
        splits = {row["pair_id"]: row["split"] for row in rows}
        for part in selected.split("+"):
            if part not in splits.values():
                names = ", ".join(f"{name}:{existing}" for existing in sorted(set(splits.values())))
                what, hint = f"the scheme {name!r} has no split {part!r}", f"one of: {names}"
                raise ConfigError(what, where=f"--split {split}", hint=hint)
        return cls(tuple(selected.split("+")), splits, {row["pair_id"]: row["group"] for row in rows})

    def select(self, pairs: Sequence[Pair], options: GenerateOptions) -> Iterator[Pair]:
        """The pairs of the selected splits that --only and --paths select. Raises ConfigError."""
        unknown = set(options.only) - {pair.id for pair in pairs}
        if unknown:
            raise ConfigError(f"the dataset has no pair {min(unknown)!r}", where="--only")
        try:
            paths = re.compile(options.paths)
        except re.error as error:
            raise ConfigError(f"not a regular expression: {error}", where="--paths") from None
        for pair in pairs:
            if self.selected and self.splits.get(pair.id) not in self.selected:
                continue
            if paths.search(pair.code_path) and (not options.only or pair.id in options.only):
                yield pair

    def examples(self, pairs: Sequence[Pair], options: GenerateOptions) -> ExamplePool:
        """The in-context examples, from the training split only. Raises ConfigError."""
        train = [pair for pair in pairs if self.splits.get(pair.id) == "train"]
        if options.examples and not train:
            raise ConfigError(
                "in-context examples need a training split",
                where="--examples",
                hint="give --split SCHEME:SPLIT",
            )
        counter = token_counter(options.tokenizer)
        train = train if options.examples else []
        return ExamplePool(train, self.groups, unit=options.unit, budget=options.budget, counter=counter)


def _splits_of(dataset: Path) -> str:
    """A hint with the splits that a dataset has, where there is none of this name."""
    names = []
    for path in sorted((dataset / SPLIT_FOLDER).glob("*.parquet")):
        if "." not in path.stem:
            existing = {row["split"] for row in read_table(path, ["split"]).to_pylist()}
            names += [f"{path.stem}:{name}" for name in sorted(existing)]
    if names:
        return f"one of: {', '.join(names)}"
    return f"run `goutbench split {shlex.quote(str(dataset))}`, then give --split leakfree:test"


@dataclass(frozen=True, slots=True)
class _ItemBuilder:
    options: GenerateOptions
    prompt: PromptFolder
    examples: ExamplePool
    packages: PackageIndex
    counter: TokenCounter
    tasks: ListedTasks

    def keys(self, pair: Pair) -> list[_Key]:
        """The items of a pair: its file, or each function that its test exercises, and that fits the budget.

        There is nothing to compare a test of another function with. With tasks, only these.
        """
        if not self.options.tasks:
            return self.all_keys(pair)
        listed = self.tasks.focal.get(pair.id, frozenset())
        keys = [key for key in self.all_keys(pair) if key[1] in listed] if listed else []
        if lacking := sorted(listed - {function for _, function in keys}):
            what, hint = f"no prompt for the task {lacking[0]} fits the options", "give a larger --budget"
            raise ConfigError(what, where=pair.code_path, hint=hint)
        return keys

    def most_keys(self, pair: Pair) -> int:
        """A bound on the number of keys of a pair, without parsing it."""
        if self.options.tasks:
            return len(self.tasks.focal.get(pair.id, ()))
        return 1 if self.options.unit == "file" else pair.code.count("func")

    def all_keys(self, pair: Pair) -> list[_Key]:
        if self.options.unit == "file":
            return [(pair, "")]
        code, test = _contents(pair)
        tested = functions_under_test(code, test, budget=self.options.budget, counter=self.counter)
        if tested and self.options.pure:
            pure = pure_functions(parse(code))
            tested = [function for function in tested if function in pure]
        if tested and self.options.concurrent:
            concurrent = concurrent_functions(parse(code))
            tested = [function for function in tested if function in concurrent]
        return [(pair, function) for function in tested]

    def items(self, pair: Pair, keys: Iterable[_Key]) -> Iterator[Item]:
        """These items of a pair, with their prompts."""
        only = {function for _, function in keys}
        start = self.tasks.starts.get(pair.id, NO_START)
        if start.kind == "reproduce":
            pair = replace(pair, code=start.text)
        code, _ = _contents(pair)
        budget, counter = self.options.budget, self.counter
        if only == {""}:
            chunks = chunk_file(code, budget=budget, counter=counter, pair_id=pair.id)
            prompts = tuple(self._prompt(pair, chunk) for chunk in chunks)
            yield Item(pair, (), prompts, start.text if start.kind == "extend" else "")
        elif only:
            for chunk in function_chunks(code, budget=budget, counter=counter, pair_id=pair.id, only=only):
                yield Item(pair, chunk.focal, (self._prompt(pair, chunk),))

    def _prompt(self, pair: Pair, chunk: Chunk) -> Prompt:
        budget = self.options.cross_file_tokens
        return build_prompt(
            pair,
            chunk,
            prompt=self.prompt,
            examples=self.examples.draw(pair, self.options.examples),
            context=self.packages.context(pair, chunk, budget=budget, counter=self.counter),
            start=self.tasks.starts.get(pair.id, NO_START),
            counter=self.counter,
        )


def _contents(pair: Pair) -> tuple[bytes, bytes]:
    """The bytes of a pair's code and test."""
    return pair.code.encode("utf-8", "surrogateescape"), pair.test.encode("utf-8", "surrogateescape")
