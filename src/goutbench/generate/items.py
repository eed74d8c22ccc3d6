"""From a dataset to prompts: which pairs, which chunks, which examples."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.chunk import TokenCounter, chunk_file, function_chunks, token_counter
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError
from goutbench.generate.options import Options
from goutbench.golang.analysis.purity import pure_functions
from goutbench.golang.syntax.file import parse
from goutbench.prompts.cross_file import PackageIndex
from goutbench.prompts.examples import ExamplePool
from goutbench.prompts.prompt import build_prompt
from goutbench.records import Chunk, Pair, Prompt

UNITS = ("file", "function")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be tested: a pair, the functions (none: the whole file), and a prompt for each chunk."""

    pair: Pair
    focal: tuple[str, ...]
    prompts: tuple[Prompt, ...]


def read_items(dataset: Path, options: Options) -> list[Item]:
    """The items of a run, in the dataset's order. Raises ConfigError for options that name nothing."""
    if options.unit not in UNITS:
        raise ConfigError(f"no unit {options.unit!r}", where="--unit", hint=f"one of: {', '.join(UNITS)}")
    pairs = list(read_pairs(dataset))
    assigned = _assigned(dataset, options.split)
    parts = _parts(options.split)
    chosen = [pair for pair in pairs if not assigned or assigned.get(pair.id, ("", ""))[0] in parts]
    unknown = set(options.only) - {pair.id for pair in pairs}
    if unknown:
        raise ConfigError(f"no pair {min(unknown)!r} in the dataset", where="--only")
    if options.paths:
        chosen = [pair for pair in chosen if _pattern(options.paths).search(pair.code_path)]
    if options.only:
        chosen = [pair for pair in chosen if pair.id in set(options.only)]
    counter = token_counter(options.tokenizer)
    pool = _pool(pairs, assigned, options, counter)
    packages = PackageIndex.read(dataset)
    found = [item for pair in chosen for item in _items(pair, pool, packages, options, counter)]
    if not found:
        raise ConfigError(
            "no pair is left to write tests for",
            where=str(dataset),
            hint="see --split, --paths, --pure, --only",
        )
    if options.limit and len(found) > options.limit:
        kept = sorted(random.Random(options.seed).sample(range(len(found)), options.limit))
        found = [found[at] for at in kept]
    return found


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"no regular expression: {error}", where="--paths") from None


def _parts(split: str) -> list[str]:
    """The splits that `SCHEME:SPLIT+SPLIT` names."""
    return split.partition(":")[2].split("+")


def _assigned(dataset: Path, split: str) -> dict[str, tuple[str, str]]:
    """Pair id → its split and group in the scheme that is asked for."""
    if not split:
        return {}
    scheme, parts = split.partition(":")[0], _parts(split)
    path = dataset / "splits" / f"{scheme}.parquet"
    if not path.is_file() or not all(parts):
        raise ConfigError(
            f"no split {split!r}", where=str(path), hint="run `goutbench split`, and say SCHEME:SPLIT"
        )
    rows = read_table(path).to_pylist()
    for part in parts:
        if part not in {row["split"] for row in rows}:
            raise ConfigError(f"the scheme {scheme!r} has no split {part!r}", where=str(path))
    return {row["pair_id"]: (row["split"], row["group"]) for row in rows}


def _pool(
    pairs: Sequence[Pair], assigned: dict[str, tuple[str, str]], options: Options, counter: TokenCounter
) -> ExamplePool:
    """Where in-context examples come from: the training part of the scheme, and nowhere else."""
    train = [pair for pair in pairs if assigned.get(pair.id, ("", ""))[0] == "train"]
    if options.examples and not train:
        what = "examples come from a training split, and none was named"
        raise ConfigError(what, where="--examples", hint="give --split SCHEME:SPLIT")
    groups = {key: group for key, (_, group) in assigned.items()}
    return ExamplePool(train, groups, unit=options.unit, budget=options.budget, counter=counter)


def _items(
    pair: Pair, pool: ExamplePool, packages: PackageIndex, options: Options, counter: TokenCounter
) -> Iterator[Item]:
    examples = pool.draw(pair, options.examples)

    def prompt(chunk: Chunk) -> Prompt:
        context = packages.context(pair, chunk, budget=options.cross_file_tokens, counter=counter)
        return build_prompt(pair, chunk, examples=examples, context=context, counter=counter)

    if options.unit == "file":
        source = pair.code.encode("utf-8", "surrogateescape")
        chunks = chunk_file(source, budget=options.budget, counter=counter, pair_id=pair.id)
        yield Item(pair, (), tuple(prompt(chunk) for chunk in chunks))
        return
    for chunk in _functions(pair, options, counter):
        yield Item(pair, chunk.focal, (prompt(chunk),))


def _functions(pair: Pair, options: Options, counter: TokenCounter) -> list[Chunk]:
    """The functions of a file that its reference test exercises: for the others there is no yardstick."""
    source, test = (text.encode("utf-8", "surrogateescape") for text in (pair.code, pair.test))
    chunks = function_chunks(source, tests=test, budget=options.budget, counter=counter, pair_id=pair.id)
    pure = pure_functions(parse(source)) if options.pure else None
    return [
        chunk
        for chunk in chunks
        if chunk.tests and not chunk.over_budget and (pure is None or chunk.focal[0] in pure)
    ]
