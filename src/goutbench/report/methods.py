"""What the methods and the glossary of a page speak of: only what the report measured."""

from collections.abc import Sequence

from goutbench.records import REFERENCE
from goutbench.report.contestants import baselines
from goutbench.report.inputs import Judgement
from goutbench.report.results import Results


def measured(results: Results, judged: Sequence[Judgement]) -> frozenset[str]:
    """The names of the subjects that the page has numbers for."""
    subjects = {
        "coverage": any(sample.coverage is not None for sample in results.samples),
        "branches": results.branches_measured,
        "mutants": results.mutants_run,
        "reference": REFERENCE in results.models,
        "baselines": bool(baselines(results)),
        "samples": results.sample_count > 1,
        "rounds": any(sample.round for sample in results.samples),
        "judge": bool(judged),
        "comparison": len(results.models) > 1,
    }
    return frozenset(name for name, present in subjects.items() if present)


def unit_of(results: Results) -> str:
    """What an item is, in words."""
    kinds = {bool(sample.item.focal) for sample in results.samples}
    return {True: "a function", False: "a file"}[kinds.pop()] if len(kinds) == 1 else "a file or a function"


def intervals_of(results: Results) -> str:
    """What the rates carry, in words."""
    resampled = "; with several samples per item, 95% intervals resampled by repository"
    return "95% intervals by Wilson's method" + resampled * (results.sample_count > 1)
