"""Every record of the pipeline, in flow order. Read this file first.

A record is frozen and carries its own id and its parent's, so that any number in a report can be
followed back to the commit it came from.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


def table_number(digits: str) -> int:
    """The number of a JSON text, for `parse_int`. Raises ValueError where it may not fit into a table."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number with too many digits")
    return int(digits)


def short_hash(*parts: str) -> str:
    """A stable 16-digit id: the head of the SHA-256 of the parts, joined by NUL."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


# ── curate ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RepoPin:
    """One repository at one exact version, as in `repos.lock.yaml`.

    `revision` is a full commit hash, or the version of a plain source tree; `tree` is the commit's
    tree hash, or for a plain tree the SHA-256 over its files' hashes, which detects changes.
    """

    name: str
    source: str
    revision: str
    tree: str
    domain: str
    kind: str  # "git" | "tree"
    date: datetime | None = None  # committer date of the commit, UTC


@dataclass(frozen=True, slots=True)
class Pair:
    """A Go source file and the test file paired with it; the first nine fields are the paper's.

    `sha256` is of `code`'s bytes. A commit field is the output of `git log -1 --format=%H <revision> --
    <path>`. Commits and dates are None for a plain source tree. Dates are committer dates in UTC: the last is
    that of the commit field, the first is the oldest in `git log <revision> -- <path>`. Line counts are
    newlines, plus one for an unterminated last line. `pairing_confidence` is from 0 to 1; files of the same
    name have 1.
    """

    sha256: str
    repository: str
    file_name: str
    code_path: str
    code: str
    code_commit: str | None
    test_path: str
    test: str
    test_commit: str | None
    id: str
    revision: str
    domain: str
    licence: str
    licence_file: str | None
    package: str
    code_lines: int
    test_lines: int
    generated: bool
    vendored: bool
    code_first_date: datetime | None
    code_last_date: datetime | None
    test_first_date: datetime | None
    test_last_date: datetime | None
    pairing_rule: str
    pairing_confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A Go file that is in no pair: the rule that rejected it, and the reason."""

    repository: str
    path: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PackageFile:
    """The declarations of a source file in the folder of a pair, for prompts about that pair.

    `outline` is Go without function bodies, comments and the elements of literals. `module` and `go_version`
    are those of the nearest go.mod at or above the folder; empty if there is none. `requires` are the modules
    that it requires directly; None if there is none, and in older datasets.
    """

    repository: str
    path: str
    package: str
    module: str
    go_version: str
    outline: str
    requires: tuple[str, ...] | None = None


# ── split ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """The split of a pair in a scheme.

    Pairs whose code or test are equal, near-duplicates, or equal but for names, in any number of steps, have
    one leak group. `group` is the id of one of them, `group_size` the number of its pairs. `weight` is how
    often training samples the pair: 1 on average over the training pairs in use, and 1 outside training.
    """

    pair_id: str
    scheme: str
    split: str  # "train" | "validation" | "test"
    group: str
    group_size: int
    weight: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two splits of a scheme have in common by one measure, in the pairs' code or in their tests.

    `first_rows` counts the rows of split `first` with a counterpart in split `second`; `second_rows` counts
    those of `second` with one in `first`. `promised_zero`: the scheme promises that both are zero.
    """

    scheme: str
    measure: str  # "exact", "normalised", "renamed", "near-duplicate", "same package", "same repository"
    side: str  # "code" | "test"
    first: str
    second: str
    first_rows: int
    second_rows: int
    promised_zero: bool


# ── describe ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Signals:
    """Quality signals of a pair. They never exclude a pair by themselves.

    `code_parses` and `test_parses`: the grammar finds no error. Of the code: the number of functions, the
    cyclomatic complexity of the most complex one and their mean, and how often goroutines, channels, locks
    and interface types occur; `concurrent`: any of the first three does. Of the test: functions by kind,
    calls of `t.Run` and `t.Parallel`, assertions (calls that can fail a test), whether there are tests and no
    check can fail any, the names of the tests that no check can fail, whether cases stand in a table, whether
    mocks are used, and the libraries that it asserts with.
    `secrets` counts what looks like a key or token in either file. Tokens are by the counter of the run.
    `cluster` is the id of one of the pairs that are equal, near-duplicates, or equal but for names.
    """

    id: str  # the pair's
    code_parses: bool
    test_parses: bool
    functions: int
    complexity: int
    complexity_mean: float
    goroutines: int
    channels: int
    locks: int
    concurrent: bool
    interfaces: int
    tests: int
    benchmarks: int
    fuzz: int
    examples: int
    subtests: int
    parallel: int
    assertions: int
    assertion_free: bool
    assertion_free_tests: tuple[str, ...]
    table_driven: bool
    mocks: bool
    libraries: tuple[str, ...]
    secrets: int
    secret_kinds: tuple[str, ...]
    code_tokens: int
    test_tokens: int
    cluster: str
    cluster_size: int


# ── leakage ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Leak:
    """How much of a row's code or test occurs in other corpora, and where the first or best match is.

    The counts are of corpus texts with equal bytes, with equal tokens (without comments, imports and
    formatting), and with equal tokens but for names. `alike` and `alike_renamed` estimate the Jaccard
    similarity to the nearest text by shingles of tokens, with names and regardless of names; None if no text
    is near. `grams_shared` is the share of the text's runs of 13 tokens that are anywhere in
    the corpora. `embedding` is the cosine to the nearest text; None without an embedder. A location is
    "file:row", from 1, or a path.
    """

    row: str  # the pair's id, or the location of the row
    side: str  # "code" | "test" | a column's name
    exact: int
    exact_at: str
    normalised: int
    normalised_at: str
    renamed: int
    renamed_at: str
    alike: float | None
    alike_at: str
    alike_renamed: float | None
    alike_renamed_at: str
    grams_shared: float
    embedding: float | None
    embedding_at: str


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A compared file or folder of Go files; the path "all" is the sum over those of its role.

    A row's hash is its column `SHA256`, else the hash of its (first) text. `also_in` counts its rows whose
    hash is also in other files of this role, by file ("test.json 790, …").
    """

    path: str
    role: str  # "dataset" | "against"
    rows: int
    distinct: int
    also_in: str


# ── chunk ─────────────────────────────────────────────────────────────────────────────────────────


CODE_TOKENS = 15_360
"""The limit of the paper on the code in a prompt, in tokens: the default of every stage."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A declaration in a chunk's context: its key, and whether the context shows it in full or in outline."""

    key: str
    form: str  # "full" | "outline"


@dataclass(frozen=True, slots=True)
class Exercise:
    """A test function that exercises a chunk's focal function, with the evidence, the strongest first.

    Evidence: "call", "table" (used as a value, as in a table of cases), "name" (`TestX` for X), "method name"
    (a method of that name is called on a value of unknown type). "via f: " precedes evidence in a helper or
    variable `f` of the test file that the test uses.
    """

    test: str
    kind: str  # "test" | "benchmark" | "example" | "fuzz"
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A self-contained part of a focal file, for one prompt.

    A declaration's key is its name, `Type.Method`, or a group's first name, with `#2` and so on if the file
    declares the name more than once. `kind` is "file" (the complete, unchanged file), "part", or "function"
    (one focal function, for training). `tokens` is None if the number of bytes alone shows that the chunk is
    within the budget. `omitted` are declarations that the focal ones refer to and that are not in the text;
    `cut_edges` counts references of focal declarations to ones that are not in the text in full.
    """

    id: str
    pair_id: str
    index: int
    count: int
    kind: str
    text: str
    tokens: int | None
    budget: int
    focal: tuple[str, ...]
    functions: tuple[str, ...]  # the focal functions and methods
    context: tuple[Shown, ...]
    omitted: tuple[str, ...]
    cut_edges: int
    over_budget: bool
    shortened: bool = False  # the only focal declaration was shortened to fit (`--shorten`)
    tests: tuple[Exercise, ...] = ()


# ── generate ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt for one chunk. `focal` are the functions to test; empty: all of the file.

    `template` is the name of the template, `template_hash` the SHA-256 of it; `messages` are (role, content).
    `tokens` counts all contents by the counter of the run. `prompt` is the name of the prompt that the first
    message is from, `prompt_hash` the SHA-256 of its folder; both are empty in tables of earlier versions.
    """

    id: str
    pair_id: str
    chunk_id: str
    focal: tuple[str, ...]
    template: str
    template_hash: str
    messages: tuple[tuple[str, str], ...]
    tokens: int
    prompt: str = ""
    prompt_hash: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's raw reply to a prompt, or why there is none.

    `round` is 0 for the first answer, else the number of the feedback round. `error` is empty,
    "context-overflow" (known before the call), "truncated" (the reply reached the token limit), "empty", or
    "model-error" with the message in `detail`. Tokens are those that the provider reported, seconds the wall
    time of the call; `cost` is in the unit of the price file, None without one.
    """

    id: str
    prompt_id: str
    pair_id: str
    model: str
    sample: int
    round: int
    text: str
    stop: str
    error: str
    detail: str
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None


# ── assemble ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Note:
    """Something that assembling dropped, renamed, added or undid. Nothing of a reply is lost without a note.

    `kind` is one of those listed in `assemble/stage.py`, such as "folded" or "renamed"; `what` is the name or
    text that the note is about, `why` the reason, `reply` the number of the reply from 0 (-1: all of them).
    """

    kind: str
    what: str
    why: str
    reply: int = -1


@dataclass(frozen=True, slots=True)
class Assembly:
    """One test file made of the replies for one focal file; `code` is empty when they held no Go.

    `package` is the name in its package clause, None when it has none.
    """

    code: str
    package: str | None
    mode: str  # "append" | "merge" | "llm"
    notes: tuple[Note, ...]


_MOST_DIGITS = 18  # more may not fit into the 64 bits of a column
TRUNCATED, MODEL_ERROR = "truncated", "model-error"
"""The errors of a completion that reached the token limit, and of a call without a reply."""
REFERENCE = "reference"
"""The model, and the mode, of the repositories' own tests as candidates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A test file to be run against a pair's focal file; the reference test is one with model "reference".

    `focal` are the keys of the functions that it should test; empty: the complete file. `round` is 0 for a
    first answer, else the number of the feedback round that it is the result of. `prompt` and `prompt_hash`
    are those of the prompt that led to it; empty: unknown.
    """

    id: str
    pair_id: str
    model: str
    completion_ids: tuple[str, ...]
    code: str
    package: str | None
    mode: str  # "append" | "merge" | "llm" | "reference"
    notes: tuple[Note, ...]
    focal: tuple[str, ...] = ()
    sample: int = 0
    round: int = 0
    prompt: str = ""
    prompt_hash: str = ""


# ── execute ───────────────────────────────────────────────────────────────────────────────────────


class Status(StrEnum):
    """How the execution of a candidate ended. `label` is what a progress line shows.

    To add a status, add a line here and return it from the step of `execute/ladder` that detects it.
    """

    label: str

    NO_CODE = "NO_CODE", "no code"
    BUILD_FAILED = "BUILD_FAILED", "build failed"
    VET_FAILED = "VET_FAILED", "vet failed"
    NO_TESTS_RAN = "NO_TESTS_RAN", "no tests ran"
    TESTS_FAILED = "TESTS_FAILED", "tests failed"
    FLAKY = "FLAKY", "flaky"
    PASSED = "PASSED", "passed"
    TIMED_OUT = "TIMED_OUT", "timed out"
    INFRA_FAILURE = "INFRA_FAILURE", "infrastructure error"

    def __new__(cls, value: str, label: str = "") -> "Status":
        status = str.__new__(cls, value)
        status._value_ = value
        status.label = label
        return status


class Rung(StrEnum):
    """A step of the ladder. The order of these lines is the order of the ladder; everything derives from it.

    `label` says what a candidate on this rung does. `reward` is what reaching it is worth in training by
    reward, from 0 to 1, before coverage and mutation score are added. `height` is the number of rungs below.
    """

    label: str
    reward: float
    height: int

    NONE = "none", "reached nothing", 0.0
    SYNTAX = "syntax", "parses", 0.05
    TYPES = "types", "type-checks", 0.15
    VET = "vet", "passes go vet", 0.17
    BUILD = "build", "builds", 0.2
    RUNS = "runs", "runs a test", 0.3
    PASS = "pass", "passes", 0.5
    STABLE = "stable", "passes every time", 0.5
    COVERS = "covers", "covers its focal code", 0.5
    MUTATION = "mutation", "its mutants were run", 0.5

    def __new__(cls, value: str, label: str = "", reward: float = 0.0) -> "Rung":
        rung = str.__new__(cls, value)
        rung._value_ = value
        rung.label = label
        rung.reward = reward
        rung.height = len(cls.__members__)
        return rung

    def reaches(self, rung: "Rung") -> bool:
        """Whether a candidate whose highest rung is this one has reached `rung`."""
        return self.height >= rung.height


class MutantStatus(StrEnum):
    """What the candidate's tests did to one mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed_out"
    NO_COVERAGE = "no_coverage"
    EQUIVALENT = "equivalent"
    NOT_VIABLE = "not_viable"


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """What the candidate's tests did to one mutant.

    `id` counts the changes of the focal file from 1, in source order, including those that are not viable.
    `position` is "line.column-line.column" in the focal file, columns in bytes, the end excluded: this code,
    `before`, becomes `after` (empty: it is removed). Texts over 400 characters are cut, with "…" at the end.
    `function` is the enclosing one, a method with its receiver, or empty. `killer` is the first test that
    failed; empty where none did, or where the process ended without a failed test. `proof` says why an
    equivalent mutant behaves as the original.
    """

    id: int
    position: str
    function: str
    operator: str
    before: str
    after: str
    verdict: MutantStatus
    killer: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Mutation:
    """What the candidate's tests did to the mutants of the focal file.

    The counts are those of `MutantStatus`. Mutants without coverage are in code that the passing run never
    reached, and were not run. Equivalent mutants behave as the original, so no test can kill them: nothing
    else counts them. If only a sample was run, `total` still counts every other viable mutant. `score` is
    the headline: killed ÷ viable of the sample, so that timed-out mutants count as survived. `low` and `high`
    are its 95% interval (Wilson), or the score itself when the sample is all mutants. Other tools count
    timed-out mutants as detected or leave them out: `score_timed_out_detected`, `score_timed_out_excluded`.
    A score is None where its denominator is 0. `mutants` has a verdict for every mutant of the sample, and
    for those that types prove equivalent, which are not sampled.
    """

    total: int
    killed: int
    survived: int
    no_coverage: int
    not_viable: int
    timed_out: int
    score: float | None
    low: float | None
    high: float | None
    reason: str = ""  # why there is no score
    results: tuple[str, ...] = ()  # "12 killed conditional-boundary TestX", one line for each mutant
    seconds: float = 0.0  # CPU seconds of the mutants' runs
    survivors: tuple[str, ...] = ()  # "34.7 conditional-boundary: a < b → a <= b", one for each that survived
    mutants: tuple[MutantVerdict, ...] = ()
    equivalent: int = 0

    @property
    def score_timed_out_detected(self) -> float | None:
        """The score if mutants that time out count as detected."""
        return _share(self.killed + self.timed_out, self.tested)

    @property
    def score_timed_out_excluded(self) -> float | None:
        """The score of the mutants that do not time out."""
        return _share(self.killed, self.tested - self.timed_out)

    @property
    def tested(self) -> int:
        """The number of mutants in the sample; 0 where there is no score."""
        return self.killed + self.survived + self.no_coverage + self.timed_out


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


@dataclass(frozen=True, slots=True)
class Execution:
    """The result of executing a candidate. A bad candidate is a record like any other.

    `id` is the identity of the result: the SHA-256 of candidate, focal file, revision, toolchain and options.
    `rung` is the highest one reached, `reason` a short code for why it went no further, `evidence` the output
    of the compiler, of vet or of the test. `declared` are the names of all that `go test` runs of the
    candidate; `passed`, `failed`, `skipped` and `flaky` are among them. The prefix of a name is its kind: a
    test (`Test`), a fuzz target, of which the seeds run (`Fuzz`), or an example with output (`Example`).
    Coverage counts statements of the focal file by the candidate's own tests, `covered` also where the run
    failed; `uncovered` are the blocks that no run reached, as "line.column-line.column". `focal_statements`
    and `focal_covered` count only in the functions that the candidate should test (0: the complete file), and
    the mutants are then only those of these functions. Branches are counted by their outcomes, in the same
    way; `uncovered_branches` are those of the focal file, as "line.column code: outcome". They are None where
    they were not measured, those of the focal functions also for the complete file. `entry` names the tests
    of other files, with their files, that run the candidate where it declares no test; `declared` are then
    the subtests that it adds, or the tests of `entry` where nothing shows its part, and coverage and mutants
    are those that the tests of `entry` lack without the candidate. Seconds are CPU time inside the sandbox,
    because wall time depends on the load of the machine; `gate_seconds` is the wall time of the type check.
    `toolchain` is the version of Go, `go_source` where it comes from: "--go", "PATH", "wheel", or
    "downloaded" for a go.mod. `sandbox` is the sandbox's name, of a container engine with the image's id, and
    a digest of GOUTBENCH_ENGINE_ARGS if it has any: "podman@sha256:…+…". `attempts` is 2 for a reference test
    that failed beside other executions and was executed again alone: the record is that of the last attempt.
    """

    id: str
    candidate_id: str
    pair_id: str
    model: str
    status: Status
    rung: Rung
    reason: str
    evidence: str
    declared: tuple[str, ...]
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    flaky: tuple[str, ...]
    statements: int
    covered: int
    mutation: Mutation | None
    repeats: int
    gate_seconds: float
    build_seconds: float
    run_seconds: float
    siblings: str
    toolchain: str
    sandbox: str
    uncovered: tuple[str, ...] = ()
    focal_statements: int = 0
    focal_covered: int = 0
    go_source: str = ""
    attempts: int = 1
    entry: str = ""
    branches: int | None = None
    branches_covered: int | None = None
    uncovered_branches: tuple[str, ...] = ()
    focal_branches: int | None = None
    focal_branches_covered: int | None = None

    @property
    def branch_coverage(self) -> float | None:
        """The covered share of the branches of the focal functions, else of the focal file.

        None where branches were not measured, or where there are none.
        """
        if self.branches is None or self.branches_covered is None:
            return None
        if self.focal_branches is None or self.focal_branches_covered is None:
            return _share(self.branches_covered, self.branches)
        return _share(self.focal_branches_covered, self.focal_branches)

    @property
    def coverage(self) -> float | None:
        """The covered share of the statements of the focal functions, else of the focal file.

        None where no statement was counted: the tests did not run, or coverage cannot be measured.
        """
        if self.focal_statements:
            return self.focal_covered / self.focal_statements
        return _share(self.covered, self.statements)


@dataclass(frozen=True, slots=True)
class Refinement:
    """What feedback rounds made of one sample of an item.

    `rounds` counts the first answer; `candidate_id` is the candidate that counts in the end. `reason` says
    why there was no further round: "complete" (nothing remains that the chosen kinds of feedback could say),
    "no-improvement", "rounds" (that was the last one), "max-calls", "max-total-tokens", "max-cost",
    "no-feedback" (it fails, and the chosen kinds say nothing about that), "infrastructure-error", or the
    `error` of a completion without text.
    """

    pair_id: str
    focal: tuple[str, ...]
    model: str
    sample: int
    rounds: int
    candidate_id: str
    reason: str


def improves(new: Execution, old: Execution) -> bool:
    """Whether the candidate of a feedback round takes the place of the one before it, for the same item.

    A passing one is only replaced by one that passes, and neither covers less nor kills less, and covers or
    kills more. One that does not pass is replaced by any that climbs as high.
    """
    if new.status is Status.INFRA_FAILURE:
        return False
    if Status.PASSED not in (new.status, old.status):
        return new.rung.reaches(old.rung)
    if new.status is not old.status:
        return new.status is Status.PASSED
    gains = [(new.coverage or 0.0) - (old.coverage or 0.0)]
    if new.branch_coverage is not None and old.branch_coverage is not None:
        gains.append(new.branch_coverage - old.branch_coverage)
    if new.mutation and old.mutation:
        gains.append(new.mutation.killed - old.mutation.killed)
    return min(gains) >= 0 < max(gains)


def pairs_without_coverage(executions: Iterable[Execution]) -> frozenset[str]:
    """The pairs for which means of coverage leave out all candidates, those that fail too.

    A candidate passes and no statement was counted, of it or of any other candidate of the pair: the focal
    file has no statements, or -cover fails on its package.
    """
    passing, measured = set(), set()
    for execution in executions:
        if execution.coverage is not None:
            measured.add(execution.pair_id)
        elif execution.status is Status.PASSED:
            passing.add(execution.pair_id)
    return frozenset(passing - measured)


# ── harvest ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class HarvestedRow:
    """A row for training from an executed candidate, and where it comes from.

    `messages` are (role, content) of the first prompt about the item, `completion` the candidate in a Go code
    fence. `run` is the name of the run folder, `revision` the version of the model where its name does not
    include it. The ids lead to the records in the run folder; `status`, coverage and score are those of the
    execution.
    """

    id: str
    pair_id: str
    repository: str
    licence: str
    functions: tuple[str, ...]
    messages: tuple[tuple[str, str], ...]
    completion: str
    model: str
    revision: str
    run: str
    prompt: str
    prompt_hash: str
    prompt_id: str
    sample: int
    round: int
    completion_ids: tuple[str, ...]
    candidate_id: str
    execution_id: str
    status: str
    coverage: float | None
    branch_coverage: float | None
    mutation_score: float | None


# ── judge ─────────────────────────────────────────────────────────────────────────────────────────


OUTCOMES = ("win", "loss", "tie", "flip", "error")
"""The outcomes of a match; `Match` explains them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge's verdict on one match in one order.

    `order` is "ab" or "ba": which candidate was shown first. `choice` is "a", "b" or "tie" and names the
    candidate, not its position; if there is no verdict it is empty, and `error` is "context-overflow",
    "model-error", "unreadable" or "injected". Only judges of the mode "paper" give scores.
    `cost` is in the price file's unit, None without one or where the judge gave no answer.
    """

    id: str
    match_id: str
    judge: str
    order: str
    prompt_hash: str
    choice: str
    score_a: float | None
    score_b: float | None
    rationale: str
    reply: str
    error: str
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Two candidates for the same item, compared by one judge or a panel; `outcome` is that of `model_b`.

    `outcome` is "win" (b is better), "loss", "tie", "flip" (the orders contradict each other) or "error".
    """

    id: str
    pair_id: str
    repository: str
    focal: tuple[str, ...]
    sample: int
    model_a: str
    model_b: str
    candidate_a: str
    candidate_b: str
    judge: str
    mode: str  # "paper" | "both-orders" | "panel"
    outcome: str
    reason: str
