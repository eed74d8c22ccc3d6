"""The names of models that are baselines."""

PREFIX = "baseline/"


def is_baseline(model: str) -> bool:
    """Whether a model's name is that of a baseline."""
    return model.startswith(PREFIX)
