"""Train: fine-tunes a model on a dataset's pairs with TRL, after a preflight of what the run will do."""

from goutbench.train.model.embedded import prepare_embedded, prepare_gguf
from goutbench.train.model.load import resolve_dtype
from goutbench.train.recipe import Recipe, load_recipe
from goutbench.train.stage import TrainingRun, plan_training, train

__all__ = [
    "Recipe", "TrainingRun", "load_recipe", "plan_training", "prepare_embedded", "prepare_gguf",
    "resolve_dtype", "train",
]  # fmt: skip
