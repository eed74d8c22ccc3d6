"""What a report reads: run folders, judge folders and the dataset."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from goutbench.dataset.reading import read_records
from goutbench.dataset.store import read_pairs, read_table
from goutbench.errors import ConfigError, DatasetError
from goutbench.locations import CANDIDATES, COMPLETIONS, EXECUTIONS, PROMPTS
from goutbench.records import REFERENCE, Candidate, Completion, Execution, Match, Pair, Verdict
from goutbench.report.contestants import Asked, contestant_names
from goutbench.report.results import Dropped, ItemKey, Results, SampleResult, Usage
from goutbench.report.taxonomy import failure_class, failure_of_reply


@dataclass(frozen=True, slots=True)
class Transcript:
    """The messages of a prompt as (role, content), the raw reply, and what `Completion` says of the call."""

    messages: tuple[tuple[str, str], ...]
    reply: str
    error: str
    detail: str
    stop: str
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder. `name` replaces the model's name; `transcripts` are by completion id, `usage` is by model
    (never by `name`) and feedback round."""

    folder: Path
    name: str
    candidates: tuple[Candidate, ...]
    executions: tuple[Execution, ...]
    transcripts: Mapping[str, Transcript]
    usage: Mapping[tuple[str, int], Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge folder: its matches, and their verdicts by match id."""

    matches: tuple[Match, ...]
    verdicts: Mapping[str, tuple[Verdict, ...]]


class _Address(NamedTuple):
    """Identifies a candidate among all runs."""

    model: str
    round: int
    item: ItemKey
    sample: int


class _Answer(NamedTuple):
    """A candidate with its execution and failure class."""

    candidate: Candidate | None
    execution: Execution | None
    failure: str


def read_run(folder: Path, name: str = "") -> Run:
    """Read a run folder; a reference run has executions only.

    Raises ConfigError for a folder without candidates and executions, DatasetError for a damaged table.
    """
    candidates, executions = folder / CANDIDATES, folder / EXECUTIONS
    if not candidates.is_file() and not executions.is_file():
        raise ConfigError(
            f"not a run folder: it has neither {CANDIDATES} nor {EXECUTIONS}",
            where=str(folder),
            hint="give the folders of `goutbench generate` and `goutbench execute`",
        )
    completions = read_records(folder / COMPLETIONS, Completion)
    usage: dict[tuple[str, int], Usage] = defaultdict(Usage)
    for completion in completions:
        usage[completion.model, completion.round] += Usage.of(completion)
    return Run(
        folder,
        name,
        tuple(read_records(candidates, Candidate)),
        tuple(read_records(executions, Execution)),
        _transcripts(folder, completions),
        usage,
    )


def _transcripts(folder: Path, completions: Iterable[Completion]) -> dict[str, Transcript]:
    messages = {}
    if (folder / PROMPTS).is_file():
        for row in read_table(folder / PROMPTS, ["id", "messages"]).to_pylist():
            messages[row["id"]] = tuple((part["role"], part["content"]) for part in row["messages"])
    return {
        completion.id: Transcript(
            messages.get(completion.prompt_id, ()), completion.text, completion.error, completion.detail,
            completion.stop, completion.input_tokens, completion.output_tokens, completion.seconds,
            completion.cost,
        )
        for completion in completions
    }  # fmt: skip


def read_results(runs: Sequence[Run], dataset: Path) -> Results:
    """Every candidate of the runs, and every execution without a candidate, with its pair of the dataset.

    A model that two runs ask with two prompts is two models (`contestant_names`). All models have the same
    items: where a model has no answer to an item, the item counts as failed. Beside models, only the
    reference tests of their pairs count. Candidates of pairs that are not in the dataset are left out.
    Raises ConfigError for a named run of several models, and where two runs answer the same item under the
    same name; DatasetError where no pair of the runs is in the dataset.
    """
    answers: dict[_Address, _Answer] = {}
    pairs = _read_pairs(dataset, runs)
    names = contestant_names(
        (Asked.of(run.name, candidate) for run in runs for candidate in run.candidates),
        (run.name for run in runs),
    )
    unknown: dict[Path, tuple[str, int]] = {}
    for run in runs:
        own = _answers_of(run, names)
        new = {address: answer for address, answer in own.items() if address.item.pair_id in pairs}
        if lost := own.keys() - new.keys():
            unknown[run.folder] = (min(address.item.pair_id for address in lost), len(lost))
        if repeated := answers.keys() & new.keys():
            address = min(repeated)
            raise ConfigError(
                f"{len(repeated)} items already have an answer of {address.model!r} from an earlier run, "
                f"such as pair {address.item.pair_id}",
                where=str(run.folder),
                hint="give one of the runs another name: NAME=FOLDER",
            )
        answers |= new
    asked = {address.item.pair_id for address in answers if address.model != REFERENCE}
    samples = [
        SampleResult(
            address.item,
            address.sample,
            address.round,
            address.model,
            pairs[address.item.pair_id],
            answer.candidate,
            answer.execution,
            answer.failure,
        )
        for address, answer in answers.items()
        if not asked or address.item.pair_id in asked
    ]
    dropped = Dropped(len(answers) - len(samples), unknown)
    samples += _missing_answers(samples)
    samples.sort(key=lambda s: (s.model, s.round, s.pair.repository, s.item, s.sample))
    folders = {
        names[Asked.of(run.name, candidate)]: run.folder for run in runs for candidate in run.candidates
    }
    usage = {
        (_contestant(run, model, names), number): used
        for run in runs
        for (model, number), used in run.usage.items()
    }
    return Results(samples, folders, dropped, usage)


def read_judgement(folder: Path, models: Mapping[str, str]) -> Judgement:
    """Read a judge folder. `models` (candidate id → model) takes precedence over the names in the matches.

    Raises ConfigError for a folder without matches.
    """
    path = folder / "matches.parquet"
    if not path.is_file():
        raise ConfigError("matches.parquet not found", where=str(folder), hint="run `goutbench judge`")
    matches = tuple(
        replace(
            match,
            model_a=models.get(match.candidate_a, match.model_a),
            model_b=models.get(match.candidate_b, match.model_b),
        )
        for match in read_records(path, Match)
    )
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in read_records(folder / "verdicts.parquet", Verdict):
        verdicts[verdict.match_id].append(verdict)
    return Judgement(matches, {match_id: tuple(group) for match_id, group in verdicts.items()})


def _contestant(run: Run, model: str, names: Mapping[Asked, str]) -> str:
    """The name of a run's model; a run has one prompt."""
    asked = (Asked.of(run.name, candidate) for candidate in run.candidates if candidate.model == model)
    return next((names[one] for one in asked), run.name or model)


def _answers_of(run: Run, names: Mapping[Asked, str]) -> dict[_Address, _Answer]:
    """A run's candidates with their executions; an execution without a candidate stands for itself."""
    executions = {execution.candidate_id: execution for execution in run.executions}
    answers = {}
    for candidate in run.candidates:
        item = ItemKey(candidate.pair_id, candidate.focal)
        name = names[Asked.of(run.name, candidate)]
        address = _Address(name, candidate.round, item, candidate.sample)
        execution = executions.pop(candidate.id, None)
        answers[address] = _Answer(candidate, execution, _failure(candidate, execution, run.transcripts))
    for execution in executions.values():
        address = _Address(run.name or execution.model, 0, ItemKey(execution.pair_id), 0)
        answers[address] = _Answer(None, execution, failure_class(execution))
    models = {candidate.model for candidate in run.candidates} | {run.model for run in executions.values()}
    if run.name and len(models) > 1:
        raise ConfigError(
            f"the name {run.name!r} would stand for {len(models)} models",
            where=str(run.folder),
            hint="give the folder without a name",
        )
    return answers


def _failure(candidate: Candidate, execution: Execution | None, transcripts: Mapping[str, Transcript]) -> str:
    """The failure class; where there is no code or no test, what the reply says about that."""
    errors = {transcripts[key].error for key in candidate.completion_ids if key in transcripts}
    return failure_of_reply(failure_class(execution), errors, candidate.notes)


def _missing_answers(samples: Sequence[SampleResult]) -> list[SampleResult]:
    """Failed samples for the items that another model was asked for and a model has no answer to.

    A model has as many samples of each item as of any of its items.
    """
    first = [sample for sample in samples if sample.round == 0 and sample.model != REFERENCE]
    pairs = {sample.item: sample.pair for sample in first}
    answered = {(sample.model, sample.item, sample.sample) for sample in first}
    numbers = sorted({(sample.model, sample.sample) for sample in first})
    return [
        SampleResult(item, number, 0, model, pair, None, None, "model-error")
        for model, number in numbers
        for item, pair in pairs.items()
        if (model, item, number) not in answered
    ]


def _read_pairs(dataset: Path, runs: Iterable[Run]) -> dict[str, Pair]:
    """The pairs of the runs by id. Raises DatasetError if the runs have pairs and none is in the dataset."""
    ids = {candidate.pair_id for run in runs for candidate in run.candidates}
    ids |= {execution.pair_id for run in runs for execution in run.executions}
    pairs = {pair.id: pair for pair in read_pairs(dataset) if pair.id in ids}
    if ids and not pairs:
        raise DatasetError(
            f"the pairs of the runs are not in the dataset, such as {min(ids)}",
            where=str(dataset),
            hint="give the dataset that the runs were made from",
        )
    return pairs
