"""Calls by files of the OpenAI Batch format, instead of a server."""
