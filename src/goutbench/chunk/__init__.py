"""Chunk: splits a focal file into self-contained parts within a token budget."""

from goutbench.chunk.stage import chunk_file, function_chunks
from goutbench.chunk.tokens import TokenCounter, token_counter

__all__ = ["TokenCounter", "chunk_file", "function_chunks", "token_counter"]
