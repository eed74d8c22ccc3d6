"""Repositories and caches have one home: every stage accepts the same folders, and honours the same cache."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from gitmaker import GitMaker

from goutbench import locations
from goutbench.config import RepositoryConfig
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.errors import SourceError
from goutbench.execute.workspace.trees import repository_folder

Make = Callable[..., GitMaker]
SPELLINGS = [
    "o__r",
    "o__r.git",
    "o+r",
    "o+r.git",
    "o/r",
    "o/r.git",
    "o-r",
    "o-r.git",
    "o+r/repo",
    "o__r/repo.git",
]


def repository_at(make_repo: Make, path: str) -> Path:
    maker = make_repo(path)
    maker.commit({"a.go": b"package p\n"})
    maker.finish()
    return maker.path


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_curate_and_execute_accept_the_same_spellings(make_repo: Make, tmp_path: Path, spelling: str) -> None:
    path = repository_at(make_repo, f"mirror/{spelling}")
    config = RepositoryConfig(name="o/r", source="https://127.0.0.1:1/o/r")
    opened = open_source(config, SourceLocations((), tmp_path / "cache", tmp_path / "mirror"), None, print)
    assert opened.pin.kind == "git"
    assert repository_folder(tmp_path / "mirror", "o/r") == path
    assert spelling in locations.spellings("o/r")


def test_two_folders_of_one_repository_are_an_error(make_repo: Make, tmp_path: Path) -> None:
    repository_at(make_repo, "mirror/o__r.git")
    repository_at(make_repo, "mirror/o/r")
    config = RepositoryConfig(name="o/r", source="https://127.0.0.1:1/o/r")
    with pytest.raises(SourceError, match=r"several folders may be o/r: .*o__r\.git, .*o/r"):
        open_source(config, SourceLocations((), tmp_path / "cache", tmp_path / "mirror"), None, print)
    with pytest.raises(SourceError, match="several folders"):
        repository_folder(tmp_path / "mirror", "o/r")


def test_a_link_to_the_same_folder_is_no_second_repository(make_repo: Make, tmp_path: Path) -> None:
    path = repository_at(make_repo, "mirror/o__r.git")
    (tmp_path / "mirror/o").mkdir()
    (tmp_path / "mirror/o/r").symlink_to(path)
    assert repository_folder(tmp_path / "mirror", "o/r") == path


def test_a_git_repository_comes_before_a_plain_tree(make_repo: Make, tmp_path: Path) -> None:
    (tmp_path / "mirror/o__r").mkdir(parents=True)
    path = repository_at(make_repo, "mirror/o-r.git")
    assert repository_folder(tmp_path / "mirror", "o/r") == path


def test_a_repository_inside_a_repository_is_part_of_it(make_repo: Make, tmp_path: Path) -> None:
    path = repository_at(make_repo, "mirror/o__r")
    repository_at(make_repo, "mirror/o__r/repo.git")
    assert locations.find_repository(tmp_path / "mirror", "o/r") == path


def test_a_plain_tree_is_the_module_or_the_folder_repo_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "o+r/repo").mkdir(parents=True)
    assert locations.find_repository(tmp_path, "o/r") is None
    assert locations.find_repository(tmp_path, "o/r", plain_trees=True) == tmp_path / "o+r/repo"
    (tmp_path / "o+r/go.mod").write_text("module r\n")
    assert locations.find_repository(tmp_path, "o/r", plain_trees=True) == tmp_path / "o+r"


def test_a_source_starts_at_the_bases_unless_it_is_absolute() -> None:
    bases = [Path("/one"), Path("/two")]
    assert locations.source_folders("r", bases) == [Path("/one/r"), Path("/two/r")]
    assert locations.source_folders("/srv/r", bases) == [Path("/srv/r")]
    assert locations.source_folders("https://example.com/r", bases) == []
    assert locations.source_folders("package:no_such_package/src", bases) == []


def test_verify_and_execute_start_relative_sources_at_the_same_folders(tmp_path: Path) -> None:
    from goutbench.execute.inputs import read_sources

    dataset, repository = tmp_path / "data" / "dataset", tmp_path / "data" / "repository"
    (repository / "sub").mkdir(parents=True)
    dataset.mkdir()
    settings = "settings: {name: o/r, source: repository, version: v1}"
    pin = "kind: tree, revision: v1, tree: t"
    (dataset / "repos.lock.yaml").write_text(f"lock_version: 1\nrepositories:\n- {{{settings}, {pin}}}\n")
    assert read_sources(dataset) == {"o/r": str(repository)}


def test_every_stage_honours_the_cache_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from goutbench.cli.dataset.curate import _source_locations
    from goutbench.golang.toolchain import helper
    from goutbench.train.model import embedded

    monkeypatch.setenv("GOUTBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert _source_locations([], None, None).cache == tmp_path / "repos"

    model = tmp_path / "models" / f"{embedded.PACKAGE}-{embedded.VERSION}"
    model.mkdir(parents=True)
    (model / embedded._READY).touch()
    assert embedded.prepare_embedded() == model

    assert locations.workspace_folder() == tmp_path  # where execute works

    def build(arguments: object, command: list[str], **options: object) -> object:
        Path(command[2]).touch()
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(helper, "run_go", build)
    toolchain = SimpleNamespace(version="go1.24", go=Path("go"), goroot=tmp_path)
    monkeypatch.setattr(helper, "go_env", lambda *args, **options: {})
    program = helper.build_helper(toolchain, "gohelper")
    assert program.is_relative_to(tmp_path / "helpers")
    assert not (tmp_path / "elsewhere").exists()


def test_an_option_comes_before_the_cache_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOUTBENCH_CACHE", str(tmp_path / "variable"))
    assert locations.clones_folder(tmp_path / "option") == tmp_path / "option"
    assert locations.workspace_folder(tmp_path / "option") == tmp_path / "option"


def test_without_option_and_variable_the_user_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOUTBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert locations.clones_folder() == tmp_path / "goutbench/repos"
    assert locations.workspace_folder() == tmp_path / "goutbench"
    monkeypatch.setattr("os.geteuid", lambda: 0)  # sandboxed users may not enter root's home
    assert locations.workspace_folder() == Path("/var/cache/goutbench")


def test_no_other_module_computes_the_cache() -> None:
    source = Path(locations.__file__).parent
    names = ("GOUTBENCH_CACHE", "XDG_CACHE_HOME")
    command = ["grep", "-rlE", f"environ.*({'|'.join(names)})", str(source), "--include=*.py"]
    files = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    assert files == [str(source / "caches.py")]
