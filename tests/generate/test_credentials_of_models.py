"""Keys and passwords of model servers are in no table, journal or message, and an odd reply ends no run."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from judging import make_pair, write_dataset
from shaky_server import shaky_server

from goutbench.errors import ConfigError
from goutbench.inference.calls import Failure
from goutbench.inference.models import Server

SECRET = "s3cr3tT0ken"
FORMS = (SECRET, base64.b64encode(f"user:{SECRET}".encode()).decode())


def outputs(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            yield path, str(pq.read_table(path).to_pylist())
        elif path.is_file() and path.suffix != ".eval":
            yield path, path.read_text()


@pytest.mark.parametrize("url", [f"http://user:{SECRET}@host/v1", f"https://{SECRET}@host:80/v1"])
def test_an_address_with_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Server(base_url=url)
    assert SECRET not in str(caught.value)
    assert Server(base_url="http://host/v1").base_url == "http://host/v1"


def test_what_a_server_repeats_of_a_request_is_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-{SECRET}")
    dataset = write_dataset(tmp_path / "dataset", [make_pair(0), make_pair(1)])
    replies = iter(["401", "surrogate"] * 9)
    with shaky_server(lambda asked, before: next(replies)) as (url, _):
        arguments = ["generate", str(dataset), "--model", "openai/m", "--base-url", url, "--retries", "0"]
        arguments += ["-M", "responses_api=false", "--out", str(tmp_path / "run"), "--connections", "1"]
        command = [sys.executable, "-m", "goutbench", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "run" / "completions.parquet").to_pylist()
    assert sorted(row["error"] for row in rows) == ["", "model-error"]
    assert any("401" in row["detail"] for row in rows)
    for form in FORMS:
        assert form not in done.stdout + done.stderr
        assert [path for path, text in outputs(tmp_path) if form in text] == []


@pytest.mark.parametrize(
    "text",
    [
        f"no key Bearer sk-{SECRET}",
        f"Authorization: Basic {FORMS[1]}",
        f"at http://u:{SECRET}@h/",
        f"key {SECRET} is wrong",
    ],
)
def test_a_failure_has_no_credentials(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    assert all(form not in Failure("model-error", text).detail for form in FORMS)
    assert Failure("model-error", "a \ud800 surrogate").detail == "a ? surrogate"
