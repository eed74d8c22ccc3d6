"""The steps of the ladder in order: syntax, types, vet, build, runs (with pass), stable, coverage, mutation.

`climb` takes one candidate through them; every step is a module.
"""
