"""The names of a report's columns: a model, and the prompt that it was asked with where that matters."""

from collections.abc import Iterable
from typing import NamedTuple

from goutbench.baselines.names import PREFIX, is_baseline
from goutbench.prompts.library import DEFAULT
from goutbench.records import Candidate
from goutbench.report.results import Results


class Asked(NamedTuple):
    """A model under the name that its run gives it, and the prompt of one of its candidates."""

    model: str
    prompt: str
    prompt_hash: str

    @classmethod
    def of(cls, run_name: str, candidate: Candidate) -> "Asked":
        """How a candidate of a run was asked for."""
        return cls(run_name or candidate.model, candidate.prompt, candidate.prompt_hash)


def contestant_names(asked: Iterable[Asked], named: Iterable[str] = ()) -> dict[Asked, str]:
    """A name for each model with each of its prompts: two prompts are never one contestant.

    It is the model's name, followed by the prompt's where the model has several prompts, or one that is not
    `default`; also by the prompt's hash where two prompts of one name differ. The names in `named` were
    chosen by the user, and remain as they are for a single prompt. An unknown prompt has no name to add.
    """
    prompts: dict[str, set[Asked]] = {}
    for one in asked:
        prompts.setdefault(one.model, set()).add(one)
    chosen, names = set(named), {}
    for model, variants in prompts.items():
        texts = [one.prompt for one in variants]
        for one in variants:
            is_plain = len(variants) == 1 and (model in chosen or one.prompt == DEFAULT)
            text = one.prompt if texts.count(one.prompt) == 1 else f"{one.prompt}@{one.prompt_hash[:8]}"
            names[one] = model if is_plain or not one.prompt else f"{model} [{text}]"
    return names


def baselines(report: Results) -> dict[str, str]:
    """The models whose candidates a baseline wrote, also under other names, with the baseline's name."""
    writers: dict[str, set[str]] = {}
    for sample in report.samples:
        if sample.candidate:
            writers.setdefault(sample.model, set()).add(sample.candidate.model)
    return {
        model: min(names).removeprefix(PREFIX)
        for model, names in writers.items()
        if all(map(is_baseline, names))
    }
