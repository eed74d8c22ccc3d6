"""Quality signals of every pair, in addition to its columns. No row is dropped because of a signal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean

from goutbench.chunk.tokens import token_counter
from goutbench.dedup.near import compare_sides, group_rows
from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.syntax.parser import parse
from goutbench.parallel import map_items
from goutbench.prompts.secrets import find_secrets
from goutbench.records import Pair, Signals

_BATCH = 64


@dataclass(frozen=True, slots=True)
class _Batch:
    start: int
    pairs: tuple[Pair, ...]
    tokenizer: str


def signals_of(
    pairs: Sequence[Pair], *, tokenizer: str, workers: int = 1, runner: str | None = None
) -> list[Signals]:
    """The signals of pairs, in their order. Raises ConfigError for a tokenizer that does not exist.

    `runner` is that of `parallel.map_items`.
    """
    token_counter(tokenizer)
    # the first pair that each is linked with by equal or similar code or tests, in any number of steps
    codes, tests = [pair.code for pair in pairs], [pair.test for pair in pairs]
    linked = group_rows(compare_sides(codes, tests, workers=workers, runner=runner))
    clusters = [pairs[first].id for first in linked]
    sizes = Counter(clusters)
    batches = [
        _Batch(start, tuple(pairs[start : start + _BATCH]), tokenizer)
        for start in range(0, len(pairs), _BATCH)
    ]
    by_start = dict(map_items(_measure_batch, batches, workers=workers, runner=runner))
    measured = [signals for batch in batches for signals in by_start[batch.start]]
    return [
        replace(signals, cluster=cluster, cluster_size=sizes[cluster])
        for signals, cluster in zip(measured, clusters, strict=True)
    ]


def _measure_batch(batch: _Batch) -> tuple[int, list[Signals]]:
    """The start of the batch, and the signals of its pairs without clusters."""
    counter = token_counter(batch.tokenizer)
    codes = counter.count([pair.code for pair in batch.pairs])
    tests = counter.count([pair.test for pair in batch.pairs])
    return batch.start, [
        _measure(pair, code_tokens=code, test_tokens=test)
        for pair, code, test in zip(batch.pairs, codes, tests, strict=True)
    ]


def _measure(pair: Pair, *, code_tokens: int, test_tokens: int) -> Signals:
    code, test = (parse(text.encode("utf-8", "surrogateescape")) for text in (pair.code, pair.test))
    features, style = code_features(code), style_of(test)
    secrets = [secret.kind for text in (pair.code, pair.test) for secret in find_secrets(text)]
    return Signals(
        id=pair.id,
        code_parses=not code.errors,
        test_parses=not test.errors,
        functions=len(features.functions),
        complexity=features.complexity,
        complexity_mean=round(fmean([function.value for function in features.functions] or [0]), 3),
        goroutines=features.goroutines,
        channels=features.channels,
        locks=features.locks,
        concurrent=features.concurrent,
        interfaces=features.interfaces,
        **asdict(style),
        secrets=len(secrets),
        secret_kinds=tuple(sorted(set(secrets))),
        code_tokens=code_tokens,
        test_tokens=test_tokens,
        cluster="",
        cluster_size=0,
    )
