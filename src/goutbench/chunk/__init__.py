"""A focal file in pieces within a token budget, each of which stands alone."""

from goutbench.chunk.stage import BUDGET, chunk_file, function_chunks
from goutbench.chunk.tokens import TokenCounter, token_counter

__all__ = ["BUDGET", "TokenCounter", "chunk_file", "function_chunks", "token_counter"]
