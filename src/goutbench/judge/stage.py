"""The `judge` stage on files: two runs in, verdicts and matches out."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from goutbench.chunk import token_counter
from goutbench.dataset.journal import Journal
from goutbench.dataset.store import write_json, write_rows
from goutbench.errors import ConfigError
from goutbench.inference.models import Server, open_model, talking_aside
from goutbench.judge.asking import PLACEHOLDERS, Request, key_of, match_id, messages, requests, settings
from goutbench.judge.folder import Juror
from goutbench.judge.items import Item, Paired, read_items, read_passing
from goutbench.judge.options import Options
from goutbench.judge.outcome import by_match, match_of, panel_match
from goutbench.judge.results.costs import NO_PRICES, Prices, priced
from goutbench.judge.results.figures import figures
from goutbench.judge.task import keep_at_once, make_task
from goutbench.judge.verdict import Answer, no_verdict, verdict_of
from goutbench.records import Match, Verdict

JOURNAL, VERDICTS, MATCHES, RUN = "answers.jsonl", "verdicts.parquet", "matches.parquet", "run.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will ask: calls still to be made and their tokens, answers kept, prompts that do not fit."""

    items: int
    calls: int
    kept: int
    overflow: int
    input_tokens: int
    output_tokens_at_most: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The records of a run, and its figures by judge."""

    items: tuple[Item, ...]
    verdicts: tuple[Verdict, ...]
    matches: tuple[Match, ...]
    figures: dict[str, Any]


def open_journal(out: Path) -> Journal[Answer]:
    """The answers that a judge folder holds already."""
    return Journal(out / JOURNAL, Answer)


def plan(asked: Sequence[Request], out: Path, options: Options) -> Plan:
    """What asking would come to, without asking anybody anything."""
    tokens = _tokens(asked, options)
    with open_journal(out) as done:
        kept = [done.find(key_of(request, options)) is not None for request in asked]
    fits = [_fits(request, count, options) for request, count in zip(asked, tokens, strict=True)]
    todo = [at for at, fit in enumerate(fits) if fit and not kept[at]]
    return Plan(
        items=len({request.item.id for request in asked}),
        calls=len(todo),
        kept=sum(kept),
        overflow=len(fits) - sum(fits),
        input_tokens=sum(tokens[at] for at in todo),
        output_tokens_at_most=sum(settings(asked[at].juror.judge, options)["max_tokens"] for at in todo),
    )


def judge(
    run_a: Path,
    run_b: Path,
    dataset: Path,
    out: Path,
    jurors: Sequence[Juror],
    options: Options,
    server: Server,
    *,
    reparse: bool = False,
    prices: Prices = NO_PRICES,
) -> Judged:
    """Have the judges compare two runs, and write the folder: answers, verdicts, matches, `run.json`.

    The same call after a kill repeats no call that was answered; `reparse` makes none at all. Raises
    ConfigError, DatasetError, StorageError.
    """
    check_jury(jurors)
    paired = read_items(run_a, run_b, dataset, options)
    verdicts: list[Verdict] = []
    matches: list[Match] = []
    with open_journal(out) as done:
        for juror in jurors:
            asked = list(requests(paired.items, juror))
            found = collect(asked, juror, out, options, server, done, reparse=reparse)
            verdicts += priced(found, prices.get(juror.model))
    of_match = by_match(verdicts)
    for item in paired.items:
        own = [match_of(item, juror, of_match[match_id(item, juror.label)]) for juror in jurors]
        matches += own if len(own) == 1 else [*own, panel_match(item, own)]
    judged = Judged(
        paired.items,
        tuple(verdicts),
        tuple(matches),
        figures(paired.items, verdicts, matches, jurors, read_passing(run_a, run_b)),
    )
    _write(out, judged, paired, jurors, options, (run_a, run_b, dataset))
    return judged


def check_jury(jurors: Sequence[Juror]) -> None:
    """Raises ConfigError for no judge, or for one that is named twice."""
    labels = [juror.label for juror in jurors]
    if not labels or len(set(labels)) < len(labels):
        raise ConfigError("no judge, or one of them twice", where="--judge", hint="name each once")


def collect(
    asked: Sequence[Request],
    juror: Juror,
    out: Path,
    options: Options,
    server: Server,
    done: Journal[Answer],
    *,
    reparse: bool = False,
) -> list[Verdict]:
    """The verdicts of one juror on these requests: from the journal, and else by asking."""
    counts = _tokens(asked, options)
    tokens = {id(request): count for request, count in zip(asked, counts, strict=True)}
    fits = [request for request in asked if _fits(request, tokens[id(request)], options)]
    todo = [request for request in fits if done.find(key_of(request, options)) is None]
    failed: dict[str, str] = {}
    if todo and not reparse:
        _ask(todo, juror, out, options, server, done, failed)
    found = []
    for request in asked:
        key, count = key_of(request, options), tokens[id(request)]
        answer = done.find(key)
        if answer is not None:
            found.append(verdict_of(request, answer, options))
        elif not _fits(request, count, options):
            why = f"{count} tokens, and the reply to come, in a window of {options.window}"
            found.append(no_verdict(request, options, "context-overflow", why))
        else:
            why = failed.get(key, "no answer; the same command asks again")
            found.append(no_verdict(request, options, "model-error", why))
    return found


def _ask(
    todo: Sequence[Request],
    juror: Juror,
    out: Path,
    options: Options,
    server: Server,
    done: Journal[Answer],
    failed: dict[str, str],
) -> None:
    from inspect_ai import eval as run_tasks

    model = open_model(juror.model, server, temperature=settings(juror.judge, options)["temperature"])
    keep_at_once(model, done)
    with talking_aside():
        run_tasks(
            make_task(todo, juror, options, done, failed),
            model=model,
            log_dir=str(out / "logs"),
            display=server.display,  # type: ignore[arg-type]
            log_samples=True,
            fail_on_error=False,
        )


def _tokens(asked: Sequence[Request], options: Options) -> list[int]:
    """The tokens of each request's messages, by the counter of the run."""
    counter = token_counter(options.tokenizer)
    return [sum(counter.count([text for _, text in messages(each, PLACEHOLDERS)])) for each in asked]


def _fits(request: Request, tokens: int, options: Options) -> bool:
    """Whether prompt and reply fit the judge's window: an overflow is known before it is paid for."""
    reply = int(settings(request.juror.judge, options)["max_tokens"])
    return not options.window or tokens + reply <= options.window


def _write(
    out: Path,
    judged: Judged,
    paired: Paired,
    jurors: Sequence[Juror],
    options: Options,
    places: tuple[Path, Path, Path],
) -> None:
    write_rows(out / VERDICTS, [asdict(verdict) for verdict in judged.verdicts])
    write_rows(out / MATCHES, [asdict(match) for match in judged.matches])
    content = {
        "runs": {"a": str(places[0]), "b": str(places[1]), "dataset": str(places[2])},
        "judges": {juror.label: juror.judge.model_dump(by_alias=True) for juror in jurors},
        "options": asdict(options),
        "items": len(judged.items),
        "without a counterpart": {"a": paired.only_a, "b": paired.only_b},
        "versions": {name: version(name) for name in ("goutbench", "inspect_ai")},
        "figures": judged.figures,
    }
    write_json(out / RUN, json.loads(json.dumps(content)))
