"""A dry run: what can be said of a run without its weights, and without a tokenizer where none is here."""

from dataclasses import asdict, dataclass
from typing import Any

from goutbench.errors import ConfigError, DatasetError
from goutbench.train.data.preflight import Preflight
from goutbench.train.model.load import weigh
from goutbench.train.model.targets import Target, Weights
from goutbench.train.stage import Job, look


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained, and the preflight; without it, `missing` says why the rows could not be counted."""

    weights: Weights
    targets: tuple[Target, ...]
    preflight: Preflight | None
    missing: str

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "weights": {**asdict(self.weights), "share": self.weights.share},
            "targets": [asdict(each) for each in self.targets],
            "preflight": self.preflight.content() if self.preflight else None,
            "missing": self.missing,
        }


def plan(job: Job) -> Plan:
    """The plan of a run. Where the recipe declares the model's shape, nothing is downloaded and neither
    tokenizer nor dataset has to be there; else raises ConfigError, DatasetError and ToolError as they do.
    """
    _, targets, weights = weigh(job.recipe)
    try:
        return Plan(weights, targets, look(job, offline=job.recipe.model.shape is not None)[0], "")
    except (ConfigError, DatasetError) as error:
        if job.recipe.model.shape is None or not error.where.startswith((_model(job), str(job.dataset))):
            raise
        return Plan(weights, targets, None, str(error).splitlines()[0])


def _model(job: Job) -> str:
    return f"model.name {job.recipe.model.name}"
