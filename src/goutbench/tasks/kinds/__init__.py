"""Kinds of task beside "write": what a model begins with, and what proves that the reference solves it."""
