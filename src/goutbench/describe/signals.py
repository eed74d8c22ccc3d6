"""Quality signals of every pair: what its columns do not say, and nobody should drop rows by in silence."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from goutbench.chunk import token_counter
from goutbench.dedup import compared, grouped
from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.syntax.parser import parse
from goutbench.parallel import parallel_map
from goutbench.prompts.secrets import find_secrets
from goutbench.records import Pair, Signals

_BATCH = 64


@dataclass(frozen=True, slots=True)
class _Batch:
    start: int
    pairs: tuple[Pair, ...]
    tokenizer: str


def signals_of(pairs: Sequence[Pair], *, tokenizer: str, workers: int = 1) -> list[Signals]:
    """The signals of pairs, in their order. Raises ConfigError for a tokenizer that is none."""
    token_counter(tokenizer)
    clusters = [pairs[first].id for first in _clusters(pairs, workers)]
    sizes = Counter(clusters)
    batches = [
        _Batch(start, tuple(pairs[start : start + _BATCH]), tokenizer)
        for start in range(0, len(pairs), _BATCH)
    ]
    made = dict(parallel_map(_read, batches, workers=workers))
    rows = [row for batch in batches for row in made[batch.start]]
    return [
        Signals(**row, cluster=cluster, cluster_size=sizes[cluster])
        for row, cluster in zip(rows, clusters, strict=True)
    ]


def _clusters(pairs: Sequence[Pair], workers: int) -> list[int]:
    """For each pair the first one that it is linked with by likeness of code or of test, in any steps."""
    return grouped(compared([p.code for p in pairs], [p.test for p in pairs], workers=workers))


def _read(batch: _Batch) -> tuple[int, list[dict[str, Any]]]:
    counter = token_counter(batch.tokenizer)
    codes = counter.count([pair.code for pair in batch.pairs])
    tests = counter.count([pair.test for pair in batch.pairs])
    return batch.start, [
        _row(pair) | {"code_tokens": code, "test_tokens": test}
        for pair, code, test in zip(batch.pairs, codes, tests, strict=True)
    ]


def _row(pair: Pair) -> dict[str, Any]:
    code, test = (parse(text.encode("utf-8", "surrogateescape")) for text in (pair.code, pair.test))
    features, style = code_features(code), style_of(test)
    secrets = list(_secrets((pair.code, pair.test)))
    return {
        "id": pair.id,
        "code_parses": not code.errors,
        "test_parses": not test.errors,
        "functions": len(features.functions),
        "complexity": features.complexity,
        "complexity_mean": round(fmean([each.value for each in features.functions] or [0]), 3),
        "goroutines": features.goroutines,
        "channels": features.channels,
        "locks": features.locks,
        "concurrent": features.concurrent,
        "interfaces": features.interfaces,
        **asdict(style),
        "assertion_free": style.assertion_free,
        "secrets": len(secrets),
        "secret_kinds": tuple(sorted(set(secrets))),
    }


def _secrets(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for secret in find_secrets(text):
            yield secret.kind
