"""`goutbench assemble`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from goutbench.cli.command import STEPS
from goutbench.cli.options import AsJson, command


@command(STEPS)
def assemble(
    replies: Annotated[
        list[Path], typer.Argument(help="Files with a model's replies, or one .jsonl of completions.")
    ],
    mode: Annotated[str, typer.Option(help="`merge`, `append` or `llm`.")] = "merge",
    focal: Annotated[
        Path | None, typer.Option(help="The focal file; its folder is the package under test.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="For llm: a callable `package.module:name` that completes messages.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The output file instead of standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one test file of replies.

    Assemble a model's replies into one Go test file; notes go to standard error.
    """
    from dataclasses import asdict

    from goutbench.assemble.inputs import load_model, read_replies, read_text
    from goutbench.assemble.package_context import read_context
    from goutbench.assemble.stage import assemble as run
    from goutbench.assemble.stage import assemble_candidates
    from goutbench.dataset.store import write_text

    context = read_context(focal) if focal else None
    complete = load_model(model) if model else None
    if len(replies) == 1 and replies[0].suffix == ".jsonl":
        rows = assemble_candidates(read_replies(replies[0]), mode=mode, context=context, complete=complete)
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    else:
        assembly = run([read_text(path) for path in replies], mode=mode, context=context, complete=complete)
        text = json.dumps(asdict(assembly), indent=2, ensure_ascii=False) + "\n" if as_json else assembly.code
        for note in assembly.notes if not as_json else ():
            where = str(replies[note.reply]) if 0 <= note.reply < len(replies) else "all"
            typer.echo(f"{where}: {note.kind}: {note.what} ({note.why})", err=True)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
