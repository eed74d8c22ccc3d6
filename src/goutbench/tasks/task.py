"""One task: what to write a test for, where it stands, and what its reference and the baselines reach."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VerifiedTask:
    """An item of a dataset that a model is asked about.

    `kind` is "write": a test for a file (`focal` is empty) or for a function. `first_date` is that of the
    first commit of the focal file, `group` its leak group and `split` its part in the scheme "leakfree".
    `size` and `complexity` are thirds of all eligible items of the unit: "small", "medium" or "large".
    The ceiling is what the reference test reaches: coverage of statements, and killed of tested mutants.
    `floor_…` are those of the baselines, None where a baseline was not executed or has no result.
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
