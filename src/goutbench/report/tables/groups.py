"""Build and pass rates by group of items: by repository, by size, by kind of code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goutbench.records import Rung, Status
from goutbench.report.results import ItemResult, Results
from goutbench.report.tables.cells import Header, ReportCell, ReportTable, Scalar, cell_of
from goutbench.report.tables.measures import built, passed, rate_of
from goutbench.report.taxonomy import status_class


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to group items, such as by repository. `column` is the filter of the candidate list for it.

    An item may be in several groups, and counts in each. Groups are in the order of `order`, others by name.
    """

    name: str
    title: str
    note: str
    column: str
    groups: Callable[[ItemResult], Sequence[str]]
    order: Sequence[str] = ()

    def members(
        self, report: Results, answers: Callable[[str], Sequence[ItemResult]]
    ) -> dict[str, dict[str, list[ItemResult]]]:
        """Group → model → its items, of those that `answers` has for a model.

        References are whole files where models may have been asked for functions: they are grouped only where
        there is no model.
        """
        members: dict[str, dict[str, list[ItemResult]]] = {}
        for model in report.compared:
            for item in answers(model):
                for group in self.groups(item):
                    members.setdefault(group, {}).setdefault(model, []).append(item)
        ranks = {group: rank for rank, group in enumerate(self.order)}
        return dict(sorted(members.items(), key=lambda member: (ranks.get(member[0], len(ranks)), member[0])))


def rates_by_group(report: Results, grouping: Grouping) -> ReportTable:
    """Build and pass rates in each group of items, model by model."""
    models = report.compared
    headers = [Header(f"{model}: {measure}") for model in models for measure in ("builds", "passes")]
    table = ReportTable(
        grouping.name,
        grouping.title,
        grouping.note,
        (Header(grouping.column), Header("items"), *headers),
    )
    executed = grouping.members(report, report.executed_answers)
    for group, by_model in grouping.members(report, report.first_answers).items():
        count = len({item.item for items in by_model.values() for item in items})
        cells = [ReportCell(group), ReportCell(str(count))]
        record: dict[str, Scalar] = {grouping.column: group, "items": count}
        for model in models:
            query = {"model": model, grouping.column: group}
            items = executed.get(group, {}).get(model, ())
            builds, passes = (rate_of(items, holds) for holds in (built, passed))
            cells += [
                cell_of(builds, query | {"at": Rung.BUILD.value}),
                cell_of(passes, query | {"class": status_class(Status.PASSED)}),
            ]
            absent = None if by_model.get(model) else 0
            record |= {f"{model} built": builds.count if builds else absent}
            record |= {f"{model} passed": passes.count if passes else absent}
        table.add(cells, record)
    return table
