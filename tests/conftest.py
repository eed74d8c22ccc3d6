"""Shared by all tests: small git repositories, made on the fly."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker
from hypothesis import settings

# on CI every run tries the same examples: what is new is found at a desk, where it can be mended
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., GitMaker]:
    """Makes empty repositories below the test's own folder."""

    def make(name: str = "repo", **options: str) -> GitMaker:
        return GitMaker.create(tmp_path / name, **options)

    return make


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on, or is disturbed by, the settings of whoever runs it."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Fail early and clearly where git is missing."""
    subprocess.run(["git", "--version"], check=True, capture_output=True)
