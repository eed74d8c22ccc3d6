"""`goutbench gaps`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import DATASET
from goutbench.cli.options import AsJson, command

_PACKAGES = 10


@command(DATASET)
def gaps(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder that `curate` wrote.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="The run folder of `execute --reference`, for coverage and mutants. [not measured]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The page to write. [gaps.html, or gaps-2.html and so on]"),
    ] = None,
    link: Annotated[
        str,
        typer.Option(
            help="Addresses of lines: {repository}, {revision}, {path}, {line}. [by the repository's host]"
        ),
    ] = "",
    title: Annotated[str, typer.Option(help="The title of the page.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find where tests are missing or weak.

    Where are tests missing or weak? Files without tests, uncovered functions, surviving mutants.
    """
    from goutbench.gaps.render import shown
    from goutbench.gaps.stage import gaps as run
    from goutbench.gaps.stage import usual_page
    from goutbench.gaps.tables import package_row

    out = out or usual_page(dataset, reference, link)
    result = run(dataset, out, reference=reference, link=link, title=title)
    if as_json:
        content = {
            "page": str(out),
            "counts": {kind.label: count for kind, count in result.counts().items()},
            "notices": list(result.notices),
            "packages": [package_row(package) for package in result.packages],
        }  # fmt: skip
        typer.echo(json.dumps(content, indent=2))
        return
    for kind, count in result.counts().items():
        typer.echo(f"{kind.label}: {'not measured' if count is None else f'{count:,}'}")
    needy = [package for package in result.packages if package.need]
    typer.echo("packages with most findings:" if needy else "no findings")
    for package in needy[:_PACKAGES]:
        numbers = ", ".join(f"{kind.label} {count}" for kind, count in package.findings.most_common())
        typer.echo(f"{package.need:>7,}  {shown(f'{package.repository} {package.package}')}: {numbers}")
    for notice in result.notices:
        typer.echo(f"notice: {notice}", err=True)
    typer.echo(f"{out}: every finding; tables in {out.with_name(f'{out.stem}_files')}")
