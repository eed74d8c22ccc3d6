"""What counts after each feedback round: the best candidate of each sample so far."""

from goutbench.records import improves
from goutbench.report.results import ItemKey, ItemResult, Results, SampleResult, items_of


def counted_rounds(report: Results, model: str) -> list[int]:
    """The feedback rounds of a model that have results, 0 (the first answers) included; empty where nothing
    was executed.

    Only rounds of which, and of all rounds before, every candidate was executed: the others would look as if
    the feedback had changed nothing.
    """
    if not report.executed_answers(model):
        return []
    own = [sample for sample in report.samples if sample.model == model]
    missing = min((s.round for s in own if s.round and not s.was_executed), default=None)
    last = max(report.last_round(model), *(sample.round for sample in own))
    return list(range(last + 1 if missing is None else missing))


def answers_after(report: Results, model: str, number: int) -> list[ItemResult]:
    """A model's executed items after a feedback round: of each sample the best candidate until then.

    A later candidate replaces an earlier one where it improves on it, as in the rounds themselves.
    """
    best: dict[tuple[ItemKey, int], SampleResult] = {}
    own = (s for s in report.samples if s.model == model and s.was_executed and s.round <= number)
    for sample in sorted(own, key=lambda sample: sample.round):
        key = sample.item, sample.sample
        if key not in best or _is_better(sample, best[key]):
            best[key] = sample
    return items_of(best.values())


def last_answers(report: Results, model: str) -> list[ItemResult]:
    """A model's items after its last counted round; none without feedback rounds."""
    rounds = counted_rounds(report, model)
    return answers_after(report, model, rounds[-1]) if len(rounds) > 1 else []


def _is_better(new: SampleResult, old: SampleResult) -> bool:
    if new.execution is None:
        return False
    return old.execution is None or improves(new.execution, old.execution)
