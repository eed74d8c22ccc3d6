"""`include:` reads only the named parts of a monorepo; a name of nothing is an error."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker

from goutbench.config import CurateConfig, load_curate_config, load_lock
from goutbench.curate import SourceLocations, curate
from goutbench.curate.verify import verify
from goutbench.dataset.store import read_pairs, read_rejections
from goutbench.errors import ConfigError

Make = Callable[..., GitMaker]
FOLDERS = ("services/api", "services/api/inner", "services/apiary", "services/web", "tools", "libs/a/v2")


@pytest.fixture
def repository(make_repo: Make) -> Path:
    maker = make_repo("mono")
    files = {
        f"{folder}/x{end}": f"package x\n\n// {folder}\n" for folder in FOLDERS for end in (".go", "_test.go")
    }
    maker.commit(
        {"LICENSE": "MIT License\n", "root.go": "package r\n", "root_test.go": "package r\n", **files}
    )
    maker.finish()
    return maker.path


def config_of(source: Path, *include: str) -> CurateConfig:
    entry = {"name": "o/mono", "source": str(source), "include": list(include)}
    return CurateConfig.model_validate({"repositories": [entry]})


@pytest.mark.parametrize(
    ("include", "folders"),
    [
        ((), {"", *FOLDERS}),
        (("services/api",), {"services/api", "services/api/inner"}),
        (("./services/api/", "tools/"), {"services/api", "services/api/inner", "tools"}),
        (("services/*/inner",), {"services/api/inner"}),
        (("*/v2",), {"libs/a/v2"}),
        (("root.go", "root_test.go"), {""}),
        (("services/a*",), {"services/api", "services/api/inner", "services/apiary"}),
    ],
)
def test_only_the_included_paths_are_paired(
    repository: Path, tmp_path: Path, include: tuple[str, ...], folders: set[str]
) -> None:
    out = tmp_path / "out"
    locations = SourceLocations((tmp_path,), tmp_path / "cache")
    curate(config_of(repository, *include), out, locations)
    paths = {path for pair in read_pairs(out) for path in (pair.code_path, pair.test_path)}
    assert {path.rpartition("/")[0] for path in paths} == folders
    rejections = list(read_rejections(out))
    assert len(paths) + len(rejections) == 2 * (len(FOLDERS) + 1)
    assert {rejection.rule for rejection in rejections} <= {"not_included"}
    assert verify(out, locations) == []


@pytest.mark.parametrize(
    ("include", "hint"),
    [("services/apy", "services/api"), ("nothing/like/this", "libs/a/v2"), ("LICENSE", "")],
)
def test_a_path_that_names_no_go_file_is_an_error(
    repository: Path, tmp_path: Path, include: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=f"no Go file is at '{include}'") as caught:
        curate(config_of(repository, "tools", include), tmp_path / "out", SourceLocations((), tmp_path / "c"))
    assert caught.value.where == "o/mono: include"
    assert hint in caught.value.hint


@pytest.mark.parametrize("include", ["/abs", "../up", "a/../b", "", ".", "./"])
def test_a_path_outside_of_the_repository_is_an_error(tmp_path: Path, include: str) -> None:
    path = tmp_path / "repos.yaml"
    path.write_text(f"repositories:\n  - name: o/r\n    source: x\n    include: ['{include}']\n")
    with pytest.raises(ConfigError, match="below the repository's root") as caught:
        load_curate_config(path)
    assert caught.value.where == f"{path}:4"


def test_include_and_test_are_part_of_the_lock(repository: Path, tmp_path: Path) -> None:
    test = {"tags": ["integration"], "env": {"LEVEL": "1"}, "short": True, "timeout": 90, "cgo": True}
    entry = {"name": "o/mono", "source": str(repository), "include": ["tools"], "test": test}
    config = CurateConfig.model_validate({"repositories": [entry]})
    locations = SourceLocations((), tmp_path / "cache")
    curate(config, tmp_path / "out", locations)
    lock = load_lock(tmp_path / "out" / "repos.lock.yaml")
    settings = lock.repositories[0].settings
    assert settings.include == ("tools",)
    assert settings.test.model_dump() == test | {"tags": ("integration",), "timeout": 90.0}
    for change in ({"include": []}, {"test": test | {"short": False}}):
        other = CurateConfig.model_validate({"repositories": [entry | change]})
        with pytest.raises(ConfigError, match="does not have the settings in the lock"):
            curate(other, tmp_path / "out", locations, lock=lock)


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("{tags: [windows]}", "windows cannot be set"),
        ("{tags: integration}", "test.tags"),
        ("{env: {PATH: /x}}", "PATH cannot be set"),
        ("{env: {GOFLAGS: -tags=a}}", "use `tags:` for build tags"),
        ("{env: {LEVEL: 1}}", "is not text"),
        ("{timeout: 0}", "test.timeout"),
        ("{shorter: true}", "unknown key 'shorter'"),
    ],
)
def test_a_mistake_in_test_is_reported_with_its_line(tmp_path: Path, test: str, says: str) -> None:
    path = tmp_path / "repos.yaml"
    path.write_text(f"repositories:\n  - name: o/r\n    source: x\n    test: {test}\n")
    with pytest.raises(ConfigError) as caught:
        load_curate_config(path)
    assert caught.value.where == f"{path}:4"
    assert says in caught.value.what
