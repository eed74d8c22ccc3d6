"""Calls to language models through Inspect AI."""
