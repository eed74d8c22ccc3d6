"""Harvest: training rows from executed candidates, such as a model's own tests that pass and kill mutants."""
