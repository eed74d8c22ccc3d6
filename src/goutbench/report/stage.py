"""The `report` stage: run folders and judgements in; a page, its items and its tables out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from goutbench.dataset.pages import check_page, free_page, page_identity
from goutbench.dataset.store import read_manifest, write_text
from goutbench.errors import ConfigError
from goutbench.records import REFERENCE
from goutbench.report.charts import PlottedRate, colours, rates_with_intervals, survival_curves
from goutbench.report.inputs import Judgement, read_judgement, read_results, read_run
from goutbench.report.items.files import write_items
from goutbench.report.kinds import KINDS, KindReader, size
from goutbench.report.methods import intervals_of, measured, unit_of
from goutbench.report.opening.facts import facts_of
from goutbench.report.opening.verdict import verdict
from goutbench.report.render import ListedCandidate, Page, render
from goutbench.report.results import Results
from goutbench.report.results_file import FILE as RESULTS_FILE
from goutbench.report.results_file import write_results
from goutbench.report.tables.cells import PageBlock, ReportTable
from goutbench.report.tables.compare import compare, differences
from goutbench.report.tables.groups import Grouping, rates_by_group
from goutbench.report.tables.ladder import failures, funnel
from goutbench.report.tables.leaderboard import leaderboard
from goutbench.report.tables.measures import coverage, mutation_score, passed, rate_of
from goutbench.report.tables.preferences import opinions, preference_blocks
from goutbench.report.tables.rounds import round_blocks
from goutbench.report.tables.samples import samples_table
from goutbench.report.tables.timeouts import mutation_scores
from goutbench.report.warnings import warnings_of

PAGE = Path("report.html")
_REPOSITORIES = Grouping(
    "repositories", "By repository", "First answers; items that failed count as 0.", "repository",
    lambda item: (item.pair.repository,),
)  # fmt: skip
_SIZES = Grouping(
    "sizes", "By size of the focal file", "Lines of the focal file.",
    "group", lambda item: (size(item.pair),),
    KINDS,
)  # fmt: skip


def report(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    *,
    names: Mapping[Path, str] | None = None,
    judgements: Sequence[Path] = (),
    base: str | None = None,
    title: str = "",
) -> Results:
    """Write the page `out` and, beside it, the folder `<stem>_files` with its items and tables.

    `names` renames the model of a run, also in judgements of its candidates. `base` is the model, by that
    name, that the others are compared with; by default the first by name. Raises ConfigError for a folder
    that is not a run or a judgement and for an `out` that is no report, DatasetError for a damaged table,
    StorageError where writing fails.
    """
    check_page(out, "report")
    read = [read_run(folder, (names or {}).get(folder, "")) for folder in runs]
    results = read_results(read, dataset)
    models = results.contestants
    if not results.samples:
        raise ConfigError("the runs have no candidates", where=", ".join(map(str, runs)))
    if base is not None and base not in models:
        raise ConfigError(
            f"no run has the model {base!r}", where="--base", hint=f"one of: {', '.join(models)}"
        )
    model_of = {sample.candidate.id: sample.model for sample in results.samples if sample.candidate}
    judged = [read_judgement(folder, model_of) for folder in judgements]
    folder = out.with_name(f"{out.stem}_files")
    reader = KindReader.read(dataset)
    base_model = base or _default_base(results)
    compared = differences(results, base_model)
    comparison = compare(results, base_model, compared)
    blocks = [*_warning(results, dataset), *_blocks(results, judged, comparison, reader)]
    for block in blocks:
        if block.table is not None:
            block.table.write(folder / "data")
    tables = [block.table for block in blocks if block.table is not None]
    write_results(folder / RESULTS_FILE, dataset, tables)
    transcripts = {key: transcript for run in read for key, transcript in run.transcripts.items()}
    write_items(folder / "items", results.samples, transcripts, judged)
    page = Page(
        identity=_identity(runs, dataset, names or {}, judgements, base),
        title=title
        or (f"Go unit tests by {', '.join(models)}" if models else "Go unit tests of the repositories"),
        verdict=verdict(results, base_model, compared),
        facts=facts_of(results, dataset),
        footer=_footer(dataset),
        blocks=blocks,
        candidates=_listed_candidates(results, judged, reader),
        files_folder=folder.name,
        base=base_model,
        not_measured=results.not_measured,
        unit=unit_of(results),
        intervals=intervals_of(results),
        measured=measured(results, judged),
    )
    write_text(out, render(page))
    return results


def usual_page(
    runs: Sequence[Path], dataset: Path, names: Mapping[Path, str], judged: Sequence[Path], base: str | None
) -> Path:
    """`report.html`, or `report-2.html` and so on where that is the report of other folders."""
    return free_page(PAGE, _identity(runs, dataset, names, judged, base))


def _identity(
    runs: Sequence[Path], dataset: Path, names: Mapping[Path, str], judged: Sequence[Path], base: str | None
) -> str:
    """The identity of a report: the folders that it reads. Their content may grow, and the page with it."""
    named = [f"{names.get(run, '')}={run.resolve()}" for run in runs]
    return page_identity("report", str(dataset.resolve()), *named, *map(str, judged), base or "")


def _default_base(results: Results) -> str:
    """The first model by name that has results."""
    measured = [model for model in results.contestants if model not in results.not_measured]
    return (measured or results.contestants or [REFERENCE])[0]


def _listed_candidates(
    results: Results, judged: Sequence[Judgement], reader: KindReader
) -> list[ListedCandidate]:
    by_answer = opinions(judged)
    return [
        ListedCandidate(
            sample,
            by_answer.get((sample.model, sample.item, sample.sample), ()),
            (size(sample.pair), *reader.kinds(sample.pair, sample.item.focal)),
        )
        for sample in results.samples
    ]


def _by_kind(reader: KindReader) -> Grouping:
    return Grouping(
        "kinds", "By kind of focal code",
        "Cyclomatic complexity of the focal function, or of the file's most complex one. The other kinds "
        "describe the file and its reference test. An item counts in several rows.",
        "group", lambda item: reader.kinds(item.pair, item.item.focal), KINDS,
    )  # fmt: skip


def _warning(results: Results, dataset: Path) -> list[PageBlock]:
    """What the report has no numbers for; nothing where it has all."""
    texts = warnings_of(results, dataset)
    return [PageBlock(name="warning", title="Warning", paragraphs=texts)] if texts else []


def _blocks(
    results: Results, judged: Sequence[Judgement], comparison: Sequence[ReportTable], reader: KindReader
) -> list[PageBlock]:
    palette = colours(results.models, REFERENCE)
    pass_rates = [
        PlottedRate(repository, model, rate.value, *rate.interval)
        for repository, by_model in _REPOSITORIES.members(results, results.executed_answers).items()
        for model in results.compared
        if (rate := rate_of(by_model.get(model, ()), passed))
    ]
    optional = [samples_table(results)] if results.sample_count > 1 else []
    board = leaderboard(results)
    ranked = [str(record["model"]) for record in board.records]
    folded = [failures(results)] + ([mutation_scores(results)] if results.mutants_run else [])
    return [
        *(PageBlock(table=table) for table in (board, funnel(results, ranked), *optional)),
        *round_blocks(results, palette),
        *(PageBlock(table=table) for table in comparison),
        *_distributions(results, palette),
        PageBlock(table=rates_by_group(results, _REPOSITORIES)),
        PageBlock(
            name="repository-rates",
            title="Pass rates by repository",
            svg=rates_with_intervals(pass_rates, palette, "pass rate, with its 95% interval"),
            caption="A dot with its 95% interval. A wide interval means few items, not a bad model.",
        ),
        *(PageBlock(table=rates_by_group(results, grouping)) for grouping in (_SIZES, _by_kind(reader))),
        *preference_blocks(results, judged),
        *(PageBlock(table=table, folded=True) for table in folded),
    ]


def _distributions(results: Results, palette: Mapping[str, str]) -> list[PageBlock]:
    """Coverage and mutation scores as curves over all items; none where all values are 0."""
    blocks = []
    for name, title, measure, label, answers in (
        (
            "coverage", "How much of the code is covered", coverage,
            "statements of the focal code covered", results.covered_answers,
        ),
        (
            "mutation", "How many mutants are killed", mutation_score,
            "mutants killed", results.mutated_answers,
        ),
    ):  # fmt: skip
        values = {
            model: [value for item in answers(model) for value in item.values(measure)]
            for model in results.models
            if answers(model)
        }
        if any(map(any, values.values())):
            caption = (
                f"Share of a model's items (vertical) that reach at least so many {label} (horizontal). "
                "Items that failed count as 0."
            )
            svg = survival_curves(values, palette, label)
            blocks.append(PageBlock(name=f"{name}-reach", title=title, svg=svg, caption=caption))
    return blocks


def _footer(dataset: Path) -> str:
    return f"Made by goutbench from a dataset of {read_manifest(dataset)['pairs']:,} pairs."
