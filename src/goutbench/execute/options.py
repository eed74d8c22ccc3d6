"""What a user may choose about an execution; every choice is part of the result's identity."""

import hashlib
from dataclasses import asdict, dataclass

from goutbench.errors import ConfigError

SIBLINGS = ("all", "needed", "none")
"""Which other test files of the package stay: all of them (helpers live there), those that define names which
the candidate lacks, or none."""

HARNESS = "3"
"""What a result means changes with this number: old answers are then not used again."""


@dataclass(frozen=True, slots=True)
class Options:
    """`repeat` is how often a passing candidate runs in all; `mutants` is None for no mutation testing, 0 for
    all mutants, else the size of the sample. Seconds are wall time of one build or one run. A process of
    a run gets `memory_mib` of data, all of them together half as much again (where a cgroup can be made)."""

    siblings: str = "all"
    repeat: int = 3
    race: bool = False
    cgo: bool = False
    mutants: int | None = None
    seed: int = 1
    test_seconds: float = 60.0
    memory_mib: int = 2048
    build_seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.siblings not in SIBLINGS:
            raise ConfigError(f"siblings: {self.siblings!r} is none of {', '.join(SIBLINGS)}")
        if self.repeat < 1 or (self.mutants is not None and self.mutants < 0):
            raise ConfigError("--repeat counts from 1 and --mutants from 0")


def identity(
    code: str,
    focal: str,
    revision: str,
    places: tuple[str, ...],
    toolchain: str,
    sandbox: str,
    options: Options,
) -> str:
    """The SHA-256 that names a result: a changed option, toolchain or file never reuses an old answer."""
    parts = [HARNESS, code, focal, revision, *places, toolchain, sandbox]
    parts += [f"{name}={value!r}" for name, value in sorted(asdict(options).items())]
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
