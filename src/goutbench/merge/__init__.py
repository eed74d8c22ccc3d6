"""Shards of a run, joined into the run that one machine would have written.

A record counts as the same in two shards where only what was measured differs: seconds, and the output that
has them.
"""
