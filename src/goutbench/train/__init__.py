"""Train: fine-tune a model on a dataset's pairs with TRL, and say before the first step what that will do."""

from goutbench.train.model.embedded import prepare_embedded, prepare_gguf
from goutbench.train.model.load import settled
from goutbench.train.plan import plan
from goutbench.train.recipe import Recipe, load_recipe
from goutbench.train.stage import Job, look, train

__all__ = [
    "Job", "Recipe", "load_recipe", "look", "plan", "prepare_embedded", "prepare_gguf", "settled", "train",
]  # fmt: skip
