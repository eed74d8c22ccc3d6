"""The `gaps` stage: a dataset and the executions of its reference tests in; a page and two tables out."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from goutbench.dataset.pages import check_page, free_page, page_identity
from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_packages, read_pairs, read_rejections, write_text
from goutbench.errors import ConfigError, DatasetError
from goutbench.gaps.finding import Finding, Kind, PackageGaps, TestedFile, packages_of
from goutbench.gaps.links import SourceLinks
from goutbench.gaps.measured import failing_tests, surviving_mutants, uncovered_functions
from goutbench.gaps.render import GapsPage, render
from goutbench.gaps.tables import write_tables
from goutbench.gaps.untested import assertion_free_tests, files_without_tests
from goutbench.locations import EXECUTIONS
from goutbench.records import REFERENCE, Execution, Pair, Status

PAGE = Path("gaps.html")


@dataclass(frozen=True, slots=True)
class Gaps:
    """The findings of each kind, most need first; the packages; and what was not measured, and why."""

    findings: tuple[Finding, ...]
    packages: tuple[PackageGaps, ...]
    notices: tuple[str, ...]

    def of(self, kind: Kind) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind is kind]

    def counts(self) -> dict[Kind, int | None]:
        """The number of findings of each kind; None where nothing was measured."""
        measured = {kind for package in self.packages for kind in package.measured}
        return {kind: len(self.of(kind)) if kind in measured else None for kind in Kind}


def gaps(dataset: Path, out: Path, *, reference: Path | None = None, link: str = "", title: str = "") -> Gaps:
    """Write the page `out` and, in the folder `<stem>_files` beside it, the tables `gaps` and `packages`.

    `reference` is the run folder of `execute --reference`; without it, the page has what `curate` knows.
    `link` is the template of addresses of lines. Raises ConfigError for a folder without executed reference
    tests, for a wrong template and for an `out` that is another kind of file, DatasetError for a damaged or
    empty dataset, StorageError where writing fails.
    """
    check_page(out, "gaps")
    links = SourceLinks(dataset, link)
    pairs = list(read_pairs(dataset))
    if not pairs:
        raise DatasetError("the dataset has no pairs", where=str(dataset), hint="curate more repositories")
    executions = _reference_executions(reference, pairs) if reference else []
    files = _tested_files(pairs, executions)
    rejections, outlines = read_rejections(dataset), read_packages(dataset)
    findings = [*files_without_tests(rejections, outlines, files), *assertion_free_tests(files)]
    for file in files:
        findings += [*uncovered_functions(file), *surviving_mutants(file), *failing_tests(file)]
    kinds = list(Kind)
    findings.sort(key=lambda f: (kinds.index(f.kind), -f.need, f.repository, f.path, f.lines or (0, 0)))
    packages = packages_of(files, findings)
    result = Gaps(tuple(findings), tuple(packages), _notices(pairs, executions, reference, dataset))
    folder = out.with_name(f"{out.stem}_files")
    write_tables(folder, result.findings, result.packages, links)
    names = sorted({pair.repository for pair in pairs})
    page = GapsPage(
        identity=_identity(dataset, reference, link),
        title=title or f"Where tests are missing or weak: {', '.join(names[:3])}{', …' * (len(names) > 3)}",
        notices=result.notices,
        findings=result.findings,
        packages=result.packages,
        counts=result.counts(),
        pairs=len(pairs),
        files_folder=folder.name,
    )
    write_text(out, render(page, links))
    return result


def usual_page(dataset: Path, reference: Path | None, link: str) -> Path:
    """`gaps.html`, or `gaps-2.html` and so on where that is the page of another dataset or run."""
    return free_page(PAGE, _identity(dataset, reference, link))


def _identity(dataset: Path, reference: Path | None, link: str) -> str:
    return page_identity("gaps", str(dataset.resolve()), str(reference and reference.resolve()), link)


def _reference_executions(folder: Path, pairs: Iterable[Pair]) -> list[Execution]:
    """The executions of reference tests of the dataset's pairs. Raises ConfigError where there is none."""
    ids = {pair.id for pair in pairs}
    records = read_records(folder / EXECUTIONS, Execution)
    executions = [record for record in records if record.model == REFERENCE and record.pair_id in ids]
    if not executions:
        raise ConfigError(
            f"no executed reference test of this dataset in {EXECUTIONS}",
            where=f"--reference {folder}",
            hint="run `goutbench execute --reference --dataset DATASET --out FOLDER`, and give FOLDER",
        )
    return executions


def _tested_files(pairs: Iterable[Pair], executions: Iterable[Execution]) -> list[TestedFile]:
    """The source files of the pairs, in the order of the dataset."""
    by_file: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        by_file.setdefault((pair.repository, pair.code_path), []).append(pair)
    by_pair: dict[str, list[Execution]] = {}
    for execution in executions:
        by_pair.setdefault(execution.pair_id, []).append(execution)
    return [
        TestedFile(tuple(group), tuple(execution for pair in group for execution in by_pair.get(pair.id, ())))
        for group in by_file.values()
    ]


def _notices(
    pairs: Sequence[Pair], executions: Sequence[Execution], reference: Path | None, dataset: Path
) -> tuple[str, ...]:
    """What the page has no numbers for, why, and the command that changes it."""
    command = ["goutbench", "execute", "--reference", "--dataset", str(dataset), "--mutants", "50"]
    execute = shlex.join([*command, "--out", str(reference or REFERENCE)])
    if reference is None:
        return (
            "Coverage and mutants were not measured, so uncovered functions, surviving mutants and failing "
            f"tests are missing here. Run `{execute}`, and give --reference {REFERENCE}.",
        )
    notices = []
    missing = len(pairs) - len({execution.pair_id for execution in executions})
    if missing:
        notices.append(f"{missing} of {len(pairs)} reference tests were not executed. Run `{execute}`.")
    failed = [execution for execution in executions if execution.status is Status.INFRA_FAILURE]
    if failed:
        reasons = Counter(execution.reason for execution in failed)
        causes = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        notices.append(
            f"{len(failed)} of {len(executions)} reference tests could not be executed here ({causes}): "
            "nothing is known about the coverage of their files."
        )
    if not any(execution.mutation for execution in executions):
        notices.append(f"No mutants were run, so surviving mutants are missing here. Run `{execute}`.")
    return tuple(notices)
