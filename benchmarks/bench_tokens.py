"""Token counting: overhead, byte bound, the default estimate, and how much chunking need not tokenize.

    python benchmarks/bench_tokens.py --tree "$(go env GOROOT)/src" --every 40 --tokenizer tokenizer.json

CPU time, all threads. `gguf_tokenizer.py` writes a tokenizer.json from a model file.
"""

import argparse
import statistics
from collections.abc import Sequence
from time import process_time

from gofiles import add_source_options, go_files
from tokenizers import Tokenizer

from goutbench.chunk import TokenCounter, chunk_file, token_counter


class Spy:
    """Forwards to a counter, and adds up the bytes that it tokenizes."""

    def __init__(self, counter: TokenCounter) -> None:
        self.counter, self.name, self.asked = counter, counter.name, 0

    def count(self, texts: Sequence[str]) -> list[int]:
        self.asked += sum(len(text.encode()) for text in texts)
        return self.counter.count(texts)

    def at_most(self, source: bytes) -> int | None:
        return self.counter.at_most(source)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_source_options(parser)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sources = [source for _, source in go_files(options)]
    counter = token_counter(options.tokenizer)
    counts = overhead(options, [source.decode("utf-8", "replace") for source in sources], counter)
    over = sum(count > (counter.at_most(source) or 0) for count, source in zip(counts, sources, strict=True))
    print(f"files with more tokens than the byte bound   {over} of {len(sources)}")
    estimates = token_counter().count([source.decode("utf-8", "replace") for source in sources])
    ratios = sorted(e / c for e, c, s in zip(estimates, counts, sources, strict=True) if len(s) > 2000)
    marks = ", ".join(f"{q}%: {ratios[q * (len(ratios) - 1) // 100]:.2f}" for q in (1, 5, 50, 95, 99))
    print(f"estimate / tokens, files over 2,000 bytes    {marks}")
    for budget in (15_360, 4_096, 1_024):
        spare(sources, counter, counts, budget)


def overhead(options: argparse.Namespace, texts: list[str], counter: TokenCounter) -> list[int]:
    bare = Tokenizer.from_file(options.tokenizer)
    ratios, counts = [], []
    for _ in range(options.rounds):
        start = process_time()
        encoded = bare.encode_batch_fast(texts, add_special_tokens=False)
        middle = process_time()
        counts = counter.count(texts)
        ratios.append((process_time() - middle) / (middle - start))
        assert [len(encoding) for encoding in encoded] == counts
    size = sum(len(text.encode()) for text in texts) / 1e6
    ratio = statistics.median(ratios)
    print(f"{len(texts)} files, {size:.1f} MB: counting takes {ratio:.3f}x encode_batch_fast")
    return counts


def spare(sources: list[bytes], counter: TokenCounter, counts: list[int], budget: int) -> None:
    settled = tokenized = wrongly = 0
    for source in sources:
        spy = Spy(counter)
        chunk_file(source, budget=budget, counter=spy)
        settled += spy.asked == 0
        wrongly += spy.asked > 0 and len(source) <= budget and source.isascii() and len(source) < budget
        tokenized += spy.asked
    fit = sum(count <= budget for count in counts)
    share = tokenized / sum(map(len, sources))
    print(
        f"budget {budget:>6}: {settled} of {len(sources)} files never tokenized ({fit} fit), {wrongly}"
        f" tokenized unnecessarily; {share:.2f} bytes tokenized per byte of source"
    )


if __name__ == "__main__":
    main()
