"""Datasets and runs in an S3 bucket, behind a real server."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import typer
from judging import make_pair, write_dataset
from object_storage import BUCKET, Wire
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.cli.remote import run_with_remote_paths
from goutbench.errors import ConfigError, StorageError
from goutbench.execute.journal import JOURNAL as EXECUTIONS
from goutbench.generate.complete import JOURNAL as COMPLETIONS
from goutbench.judge.calls import JOURNAL as ANSWERS
from goutbench.storage.address import Address
from goutbench.storage.copy import LocalCopy
from goutbench.storage.journals import JOURNAL_NAMES
from goutbench.storage.session import RemoteSession

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

RUN = Address.parse(f"s3://{BUCKET}/runs/one")
SECRETS = ("AKIAEXAMPLEEXAMPLE", "secretsecretsecret")


def contents() -> dict[str, bytes]:
    objects = boto3.resource("s3").Bucket(BUCKET).objects.all()
    return {item.key: item.get()["Body"].read() for item in objects}


def upload(folder: Path, prefix: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())


@pytest.fixture
def machine(wire: Wire, tmp_path: Path) -> Callable[[str], LocalCopy]:
    """A local copy of the run on a machine of this name."""

    def open_copy(name: str) -> LocalCopy:
        copy = LocalCopy(RUN, tmp_path / name)
        copy.bring()
        copy.path.mkdir(parents=True, exist_ok=True)
        return copy

    return open_copy


def goutbench(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_a_dataset_and_a_run_in_a_bucket_are_used_as_folders_are(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, address = f"s3://{BUCKET}/std", f"s3://{BUCKET}/runs/smoke"
    upload(write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)]), "std")
    printed = goutbench("generate", dataset, "--model", "baseline/smoke", "--out", address)
    assert f"goutbench execute {address}/candidates.parquet --dataset {dataset} --out {address}" in printed
    goutbench(
        "generate", str(tmp_path / "dataset"), "--model", "baseline/smoke", "--out", str(tmp_path / "run")
    )
    objects = contents()
    local = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert {name: objects[f"runs/smoke/{name}"] for name in local} == local
    page = f"s3://{BUCKET}/pages/report.html"
    for cache in ("a", "a", "b"):  # again on one machine, and on another one
        monkeypatch.setenv("GOUTBENCH_CACHE", str(tmp_path / cache))
        goutbench("report", f"s3://{BUCKET}/runs/sm*", "--dataset", dataset, "--out", page)
    assert b"<html" in contents()["pages/report.html"]
    assert "pages/report_files/results.json" in contents()
    assert not [secret for secret in SECRETS for body in contents().values() if secret.encode() in body]


def test_a_run_resumes_on_another_machine_from_the_segments_of_its_journal(
    machine: Callable[[str], LocalCopy],
) -> None:
    first = machine("first")
    (first.path / "shard.json").write_text("{}")
    (first.path / "run.json").write_text("{}")
    for lines in ("one\n", "two\nthree\nunfinis"):
        with (first.path / COMPLETIONS).open("a") as file:
            file.write(lines)
        first.push(finished=False)
    assert contents() == {
        "runs/one/shard.json": b"{}",
        f"runs/one/{COMPLETIONS}.segments/000001.jsonl": b"one\n",
        f"runs/one/{COMPLETIONS}.segments/000002.jsonl": b"two\nthree\n",
    }
    second = machine("second")
    journal = second.path / COMPLETIONS
    assert journal.read_text() == "one\ntwo\nthree\n"
    with journal.open("a") as file:
        file.write("four\n")
    (second.path / "run.json").write_text("{}")
    (second.path / ".hidden.partial").write_text("half")
    second.push(finished=True)
    assert set(contents()) == {
        "runs/one/shard.json", "runs/one/run.json",
        *(f"runs/one/{COMPLETIONS}.segments/00000{number}.jsonl" for number in (1, 2, 3)),
    }  # fmt: skip
    with (first.path / COMPLETIONS).open("a") as file:
        file.write("hed\n")
    with pytest.raises(StorageError, match="another run is writing here"):
        first.push(finished=False)
    with pytest.raises(StorageError, match="two machines have written this journal"):
        machine("first")


def test_a_server_that_goes_down_in_the_middle_of_a_write_leaves_nothing_half_written(
    machine: Callable[[str], LocalCopy], wire: Wire
) -> None:
    copy = machine("first")
    table = b"x" * 300_000
    (copy.path / "candidates.parquet").write_bytes(table)
    (copy.path / "executions.parquet").write_bytes(table)
    (copy.path / "run.json").write_text("{}")
    (copy.path / COMPLETIONS).write_text("one\n")
    wire.cut_after = 400_000
    with pytest.raises(StorageError, match="the same command resumes") as caught:
        copy.push(finished=True)
    assert not [secret for secret in SECRETS if secret in str(caught.value)]
    wire.cut_after = None
    segment = f"runs/one/{COMPLETIONS}.segments/000001.jsonl"
    assert contents() == {segment: b"one\n", "runs/one/candidates.parquet": table}
    again = machine("first")
    assert (again.path / "executions.parquet").read_bytes() == table  # not brought yet, so not lost
    again.push(finished=True)
    assert set(contents()) == {
        segment, "runs/one/candidates.parquet", "runs/one/executions.parquet", "runs/one/run.json",
    }  # fmt: skip


def test_what_another_machine_changed_or_removed_replaces_the_copy(
    machine: Callable[[str], LocalCopy],
) -> None:
    first, second = machine("first"), machine("second")
    for name in ("a.parquet", "b.parquet"):
        (first.path / name).write_text("old")
    first.push(finished=True)
    second.bring()
    (second.path / "a.parquet").write_text("new one")
    (second.path / "b.parquet").unlink()
    second.push(finished=True)
    assert contents() == {"runs/one/a.parquet": b"new one"}
    first.bring()
    assert {path.name: path.read_text() for path in first.path.iterdir()} == {"a.parquet": "new one"}
    first.push(finished=True)
    assert contents() == {"runs/one/a.parquet": b"new one"}
    (first.path / "a.parquet").write_text("mine")
    (second.path / "a.parquet").write_text("theirs")
    second.push(finished=True)
    with pytest.raises(StorageError, match="another machine has written here"):
        first.push(finished=True)
    assert contents() == {"runs/one/a.parquet": b"theirs"}


@pytest.mark.parametrize("key", ["ds", ".run"])
def test_a_command_removes_no_object_that_it_has_not_deleted(wire: Wire, tmp_path: Path, key: str) -> None:
    objects = {f"{key}/{name}": b"{}" for name in (".gitattributes", ".git/config", "a.json", "sub/b.json")}
    for name, body in objects.items():
        boto3.client("s3").put_object(Bucket=BUCKET, Key=name, Body=body)
    copy = LocalCopy(Address.parse(f"s3://{BUCKET}/{key}"), tmp_path / "first")
    copy.bring()
    names = {path.relative_to(copy.path).as_posix() for path in copy.path.rglob("*") if path.is_file()}
    assert names == {"a.json", "sub/b.json"}
    copy.push(finished=True)
    assert contents() == objects
    (copy.path / "a.json").unlink()
    (copy.path / "sub/b.json").unlink()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{key}/sub/b.json", Body=b"theirs")
    with pytest.raises(StorageError, match="another machine has written here"):
        copy.push(finished=True)
    assert f"{key}/a.json" not in contents()
    assert contents()[f"{key}/sub/b.json"] == b"theirs"


def test_commands_of_one_machine_continue_from_one_index(wire: Wire, tmp_path: Path) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key="runs/one/a.json", Body=b"{}")
    one, another = LocalCopy(RUN, tmp_path), LocalCopy(RUN, tmp_path)
    one.bring()
    another.bring()
    (one.path / "a.json").touch()
    wire.cut_after = 0  # what did not change needs no request
    one.push(finished=True)
    another.push(finished=True)
    wire.cut_after = None
    (one.path / "a.json").write_text("[]")
    for copy, line in ((one, "one\n"), (another, "two\n"), (one, "three\n")):
        with (copy.path / COMPLETIONS).open("a") as file:
            file.write(line)
        copy.push(finished=True)
    segments = [f"runs/one/{COMPLETIONS}.segments/00000{number}.jsonl" for number in (1, 2, 3)]
    assert [contents()[name] for name in segments] == [b"one\n", b"two\n", b"three\n"]
    assert contents()["runs/one/a.json"] == b"[]"


def test_a_journal_whose_first_lines_could_not_be_sent_stays(
    machine: Callable[[str], LocalCopy], wire: Wire
) -> None:
    copy = machine("first")
    (copy.path / COMPLETIONS).write_text("one\n")
    wire.cut_after = 0
    with pytest.raises(StorageError):
        copy.push(finished=False)
    wire.cut_after = None
    machine("first").push(finished=False)
    segment = f"runs/one/{COMPLETIONS}.segments/000001.jsonl"
    assert contents() == {segment: b"one\n"}
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=segment)
    third = machine("third")
    (third.path / COMPLETIONS).write_text("mine\n")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=segment, Body=b"theirs\n")
    with pytest.raises(StorageError, match="two machines have written this journal"):
        machine("third")
    assert (third.path / COMPLETIONS).read_text() == "mine\n"


def test_a_copy_that_cannot_be_sent_keeps_no_other_from_it(wire: Wire) -> None:
    first, second = (Address.parse(f"s3://{BUCKET}/{name}") for name in ("a", "bb"))
    session = RemoteSession([first, second])
    session.__enter__()
    for address in (first, second):
        session.local(address).mkdir(parents=True)
        (session.local(address) / "x.parquet").write_text("mine")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="a/x.parquet", Body=b"theirs")
    with pytest.raises(StorageError, match=r"s3://bucket/a/x\.parquet: another machine"):
        session.__exit__(None)
    assert contents() == {"a/x.parquet": b"theirs", "bb/x.parquet": b"mine"}


def test_results_that_could_not_be_sent_are_sent_before_the_next_command(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    session = RemoteSession([RUN])
    session.__enter__()
    session.local(RUN).mkdir(parents=True)
    (session.local(RUN) / "run.json").write_text("{}")
    (session.local(RUN) / "a.parquet").write_text("table")
    wire.cut_after = 0
    with pytest.raises(StorageError):
        session.__exit__(None)
    wire.cut_after = None
    with RemoteSession([RUN]):
        assert contents() == {"runs/one/a.parquet": b"table", "runs/one/run.json": b"{}"}
        assert "s3://bucket/runs/one: sent the results" in capsys.readouterr().err
    with RemoteSession([RUN]):
        assert capsys.readouterr().err == ""


def test_unsent_results_are_not_mixed_with_those_of_another_machine(
    machine: Callable[[str], LocalCopy], wire: Wire
) -> None:
    copy = machine("first")
    for name in ("a.parquet", "b.parquet"):
        (copy.path / name).write_text("mine")
    wire.cut_after = 0
    with pytest.raises(StorageError):
        copy.push(finished=True)
    wire.cut_after = None
    assert machine("first").unsent
    boto3.client("s3").put_object(Bucket=BUCKET, Key="runs/one/a.parquet", Body=b"theirs")
    assert not machine("first").unsent


def test_a_command_that_misses_its_gate_sends_its_page(wire: Wire) -> None:
    def invoke(context: SimpleNamespace) -> None:
        context.params["page"].write_text("page")
        raise typer.Exit(1)

    context = SimpleNamespace(params={"page": Path(f"s3://{BUCKET}/page.html")})
    with pytest.raises(typer.Exit):
        run_with_remote_paths(context, invoke)
    assert contents() == {"page.html": b"page"}


def test_a_conflict_ends_the_command_while_it_runs(wire: Wire) -> None:
    session = RemoteSession([RUN], seconds=0.05)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as behind nohup
    waited: list[bool] = []

    def run() -> None:
        with session:
            boto3.client("s3").put_object(
                Bucket=BUCKET, Key=f"runs/one/{COMPLETIONS}.segments/000001.jsonl", Body=b"theirs\n"
            )
            session.local(RUN).mkdir(parents=True)
            (session.local(RUN) / COMPLETIONS).write_text("mine\n")
            waited.append(threading.Event().wait(60))

    try:
        with pytest.raises(StorageError, match="another run is writing here"):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert waited == []


def test_an_error_of_the_local_disk_does_not_end_the_watch(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    session = RemoteSession([RUN], seconds=0.05)
    with session:
        session.local(RUN).mkdir(parents=True)
        (session.local(RUN) / COMPLETIONS).write_text("one\n")
        lock = session.local(RUN).parents[1] / "lock"
        lock.unlink()
        lock.mkdir()
        wait_until(lambda: "Is a directory" in capsys.readouterr().err)
        lock.rmdir()
        wait_until(lambda: f"runs/one/{COMPLETIONS}.segments/000001.jsonl" in contents())


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_command_leaves_its_journal_and_the_same_command_ends_it(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, address = f"s3://{BUCKET}/std", f"s3://{BUCKET}/run"
    upload(write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(3)]), "std")
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"contains": "", "reply": "```go\npackage p\n```"}) + "\n")
    command = ("generate", dataset, "--model", f"scripted/{script}", "--out", address)
    with monkeypatch.context() as patch:  # the command ends before its tables
        patch.setattr("goutbench.generate.stage.write_rows", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            goutbench(*command)
    names = [key for key in contents() if key.startswith("run/")]
    assert names == [f"run/{COMPLETIONS}.segments/000001.jsonl"]
    monkeypatch.setenv("GOUTBENCH_CACHE", str(tmp_path / "another"))
    goutbench(*command)
    assert contents()[names[0]].count(b"\n") == 3
    assert "run/completions.jsonl.segments/000002.jsonl" not in contents()
    assert {"run/run.json", "run/candidates.parquet"} < contents().keys()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://KEY:SECRETSECRET@bucket/x", "without keys, users or ports"),
        ("s3://bucket", "not the address of a folder"),
        ("s3://bucket/a/../b", "not the address of a folder"),
    ],
)
def test_an_address_that_cannot_be_is_an_error_without_credentials(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        goutbench("describe", address)
    assert "SECRET" not in str(caught.value)


def test_a_bucket_that_does_not_exist_and_a_missing_dataset_name_the_address(wire: Wire) -> None:
    with pytest.raises(StorageError, match=r"s3://nobody/std: .*bucket does not exist"):
        goutbench("describe", "s3://nobody/std")
    with pytest.raises(Exception, match=f"s3://{BUCKET}/nothing: no such folder"):
        goutbench("describe", f"s3://{BUCKET}/nothing")


def test_a_pattern_with_several_matches_is_an_error_where_one_is_needed(wire: Wire) -> None:
    for name in ("std-1/a.json", "std-2/a.json"):
        boto3.client("s3").put_object(Bucket=BUCKET, Key=name, Body=b"{}")
    with pytest.raises(ConfigError, match=r"s3://bucket/std-\*: the pattern matches 2 addresses"):
        goutbench("describe", f"s3://{BUCKET}/std-*")


def test_the_journals_are_those_of_the_stages() -> None:
    assert sorted(JOURNAL_NAMES) == sorted({EXECUTIONS, COMPLETIONS, ANSWERS})
