"""No user name, password or token of a URL appears in a message or in a file."""

import subprocess
import sys
from pathlib import Path

import pytest

from goutbench.config import RepositoryConfig
from goutbench.errors import SourceError, without_user_info

SECRET = "s3cr3tT0ken"


def goutbench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goutbench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x:s3cr3tT0ken@host/a.git", "https://host/a.git"),
        ("cannot read 'https://s3cr3tT0ken@host:80/a': 403", "cannot read 'https://host:80/a': 403"),
        ("proxy http://u:p%40s3cr3tT0ken@h, then ssh://s3cr3tT0ken@h/x", "proxy http://h, then ssh://h/x"),
        ("https://u:p@s3cr3tT0ken@h/x", "https://h/x"),
        ("https://host/a@v1.2.3 and mail a@b.c", "https://host/a@v1.2.3 and mail a@b.c"),
        ("https://host?q=a@b", "https://host?q=a@b"),
        ("git@host:o/r.git", "git@host:o/r.git"),
    ],
)
def test_user_information_is_left_out_of_texts(text: str, expected: str) -> None:
    assert without_user_info(text) == expected
    error = SourceError(text, where=text, hint=text)
    assert SECRET not in str(error) + repr(error) + str(error.__reduce__())


@pytest.mark.parametrize(
    "source",
    [
        f"https://x-access-token:{SECRET}@host/r.git",
        f"https://{SECRET}@host/r.git",
        f"ssh://git:{SECRET}@host/r.git",
        f"git+https://u:{SECRET}@host/r.git",
    ],
)
def test_a_source_with_a_password_is_refused_without_showing_it(source: str, tmp_path: Path) -> None:
    config = tmp_path / "repos.yaml"
    config.write_text(f"repositories:\n  - name: o/r\n    source: {source}\n")
    done = goutbench("curate", str(config), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "credential helper" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_token_from_the_users_git_settings_is_in_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`url.….insteadOf` is how build servers give git a token; git shows the rewritten URL in its errors."""
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "http://u:{SECRET}@127.0.0.1:9/"]\n\tinsteadOf = https://example.com/\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    config = tmp_path / "repos.yaml"
    config.write_text("repositories:\n  - name: o/r\n    source: https://example.com/r.git\n")
    cache = tmp_path / "cache"
    arguments = ["curate", str(config), "--out", str(tmp_path / "out"), "--cache", str(cache)]
    done = goutbench(*arguments)
    assert done.returncode == 3, done.stderr
    assert "git clone failed" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    files = [path for folder in (tmp_path / "out", cache) for path in folder.rglob("*") if path.is_file()]
    assert all(SECRET.encode() not in path.read_bytes() for path in files)


@pytest.mark.parametrize("source", ["ssh://git@host/r.git", "git@host:r.git", "https://host/r.git", "../r"])
def test_ordinary_sources_are_accepted(source: str) -> None:
    assert RepositoryConfig(name="o/r", source=source).source == source
