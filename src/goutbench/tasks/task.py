"""One task: what to write a test for, where it stands, and what its reference and the baselines reach."""

from dataclasses import dataclass
from datetime import datetime

Key = tuple[str, tuple[str, ...]]
"""An item: the id of its pair, and its focal functions; none: the file."""


@dataclass(frozen=True, slots=True)
class VerifiedTask:
    """An item of a dataset that a model is asked about.

    `kind` is "write": a test for a file (`focal` is empty) or for a function; or one of `tasks/kinds`, whose
    items are files. `first_date` is that of the first commit of the focal file, `group` its leak group and
    `split` its part in the scheme "leakfree". `size` and `complexity` are thirds of all eligible items of the
    unit: "small", "medium" or "large". The ceiling is what the reference test reaches: coverage of
    statements, and killed of tested mutants. `floor_…` are those of the baselines, None where a baseline was
    not executed or has no result.
    What a task of another kind begins with: `start` is a file that the prompt shows, `start_revision` the
    commit that it is from, `message` that of a commit, `removed` the names of test functions, and
    `start_killed` the number of mutants that `start` kills. For "reproduce" the score is 1: it reproduces.
    """

    id: str
    kind: str
    unit: str
    pair_id: str
    focal: tuple[str, ...]
    repository: str
    revision: str
    code_path: str
    test_path: str
    code_sha256: str
    test_sha256: str
    licence: str
    first_date: datetime | None
    group: str
    split: str
    size: str
    complexity: str
    ceiling_coverage: float
    ceiling_killed: int
    ceiling_tested: int
    ceiling_score: float
    floor_no_assertions_coverage: float | None
    floor_no_assertions_score: float | None
    floor_smoke_coverage: float | None
    floor_smoke_score: float | None
    floor_empty_score: float | None
    start: str = ""
    start_revision: str = ""
    message: str = ""
    removed: tuple[str, ...] = ()
    start_killed: int = 0
