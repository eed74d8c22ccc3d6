"""One Go helper, and the machine's own build cache, for the tests of type checks and mutation."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import toymodule
from plain_go import own_environment

from goutbench.golang.toolchain.helper import GoHelper
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    return find_toolchain()


@pytest.fixture(scope="session")
def go_environment(toolchain: Toolchain) -> dict[str, str]:
    """Compiled standard packages come from the machine's cache: building them anew would take a minute."""
    return own_environment(toolchain)


@pytest.fixture(scope="module")
def helper(toolchain: Toolchain, go_environment: dict[str, str]) -> Iterator[GoHelper]:
    with GoHelper(toolchain, go_environment) as helper:
        yield helper


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a small module; its package under test is toy/."""
    return toymodule.write(tmp_path_factory.mktemp("toy"), toymodule.FILES)
