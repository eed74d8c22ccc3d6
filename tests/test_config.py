"""A wrong YAML file is answered with file, line and hint."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from goutbench.config import (
    CurateConfig,
    Lock,
    LockedRepository,
    RepositoryConfig,
    dump_yaml,
    load_builtin,
    load_curate_config,
    load_lock,
)
from goutbench.errors import ConfigError

GOOD = """\
repositories:
  - name: o/r
    source: ../r
    as_of: 2024-11-25
    domain: a domain
    licence: permissive
    filters: {vendored: drop, exclude: ["*/gen/*"]}
  - name: o/s
    source: https://example.com/o/s
    revision: v1.2.3
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "repos.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    first, second = load_curate_config(write(tmp_path, GOOD)).repositories
    assert first.as_of_instant() == datetime(2024, 11, 25, tzinfo=UTC)
    assert first.filters.exclude == ("*/gen/*",)
    assert (second.revision, second.licence, second.pairing) == ("v1.2.3", "any", "same-name")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("domain: a", "domian: a", 5, "unknown key 'domian'"),
        ("vendored: drop", "vendor: drop", 7, "unknown key 'vendor'"),
        ("vendored: drop", "vendored: away", 7, "filters.vendored"),
        ("repositories:", "repos:", 1, "repositories"),
        ("name: o/s", "name: o", 8, "name"),
        ("name: o/s", "name: o/..", 8, "must be organization/repository"),
        ("name: o/s", "name: O/r", 1, "share the file"),
        ("name: o/s", "nam: o/s", 8, "has no key 'name'"),
        ("revision: v1.2.3", "revision: --upload-pack=x", 10, "revision"),
        ("domain: a domain", "revision: v1", 2, "revision and as_of exclude each other"),
        ("    domain: a domain\n", "    domain: ]\n", 5, "but found ']'"),
        ("domain: a domain", "source: again", 5, "'source' occurs twice"),
        ("as_of: 2024-11-25", "as_of: soon", 4, "as_of"),
        ("licence: permissive", "licence: free", 6, "licence"),
    ],
)
def test_a_mistake_is_reported_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_curate_config(path)
    assert caught.value.where == f"{path}:{line}"
    assert says in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff", "not UTF-8 at byte 0"),
        (b"", "the file"),
        (b"- 1\n", "the file"),
        (b"repositories: []\n", "at least 1 item"),
        (b"a: &x [*x]\n", "aliases"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases"),
        (b"? [a, b]\n: 1\n", "a key is not text"),
        (b"repositories:\n- {name: o/r, source: x, as_of: 20241125}\n", "write a date as 2024-11-25"),
        (b"repositories:\n- {name: o/r, source: x, revision: 1.0}\n", "is not text"),
        (b"repositories:\n- {name: o/r, source: x, as_of: 2024-13-45}\n", "month"),
        (b"!!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    ],
)
def test_files_that_are_no_configuration_are_errors(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_curate_config(write(tmp_path, content))


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("domain:", "domian:").replace("revision:", "revison:"))
    with pytest.raises(ConfigError) as caught:
        load_curate_config(path)
    assert "also line 10: unknown key 'revison'" in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_curate_config(tmp_path / "none.yaml")


def test_the_built_in_configurations_are_valid() -> None:
    paper = load_builtin("paper")
    assert len(paper.repositories) == 10
    assert {repository.as_of_instant() for repository in paper.repositories} == {
        datetime(2024, 11, 25, tzinfo=UTC)
    }
    assert load_builtin("std").repositories[0].source == "package:go/src"
    with pytest.raises(ConfigError, match="no built-in configuration 'nope'"):
        load_builtin("nope")


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    settings = RepositoryConfig(name="o/r", source="x", revision="v1", filters={"exclude": ("a", "b")})
    lock = Lock(
        lock_version=1,
        repositories=(
            LockedRepository(
                settings=settings, kind="git", revision="0" * 40, tree="1" * 40, date=datetime.now(UTC)
            ),
        ),
    )
    path = tmp_path / "repos.lock.yaml"
    path.write_text(dump_yaml(lock))
    assert load_lock(path) == lock
    config = CurateConfig(repositories=(settings,))
    path.write_text(dump_yaml(config))
    assert load_curate_config(path) == config
