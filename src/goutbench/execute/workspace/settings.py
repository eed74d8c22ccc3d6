"""What the lock file says about running the tests of a repository."""

from dataclasses import dataclass

Variables = tuple[tuple[str, str], ...]
"""Names and values of environment variables, sorted."""


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """How the tests of one repository are built and run: `test:` of its entry in the lock file.

    `timeout` is in seconds, 0 for that of the command.
    """

    tags: tuple[str, ...] = ()
    env: Variables = ()
    short: bool = False
    timeout: float = 0.0
    cgo: bool = False


NO_SETTINGS = RepositorySettings()
