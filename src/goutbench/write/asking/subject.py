"""The file under test, as prompts describe it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """The file under test as prompts describe it; `test_path` is the file that candidates are run in, `tests`
    the test file whose style counts, `style` that in words, and `clause` the package of new tests."""

    id: str
    repository: str
    code_path: str
    code: str
    test_path: str
    package: str
    tests: bytes | None
    clause: str
    style: str
