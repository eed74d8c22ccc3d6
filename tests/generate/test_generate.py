"""Generates with a scripted model, and with a real server on loopback that misbehaves."""

import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from judging import MARKS_OF_INSPECT, make_pair, write_dataset
from shaky_server import shaky_server
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.config import Price
from goutbench.dataset.store import read_pairs, read_table, to_table
from goutbench.dataset.store import write_table as write_arrow
from goutbench.errors import ConfigError, GoutbenchError
from goutbench.generate.items import items_without_prompts, read_items
from goutbench.generate.options import GenerateOptions
from goutbench.generate.stage import generate, plan
from goutbench.generate.summary import execute_command
from goutbench.generate.tuned import with_weights_revision
from goutbench.inference.models import Server, open_model
from goutbench.inference.scripted import ScriptedWriter
from goutbench.parallel import map_items
from goutbench.prompts.library import load_prompt
from goutbench.records import SplitAssignment

pytestmark = MARKS_OF_INSPECT

MIXED = {
    "Double0(": "429",
    "Double1(": "500",
    "Double2(": "malformed",
    "Double3(": "empty",
    "Double4(": "no choice",
    "Double5(": "wrong schema",
    "Double6(": "cut off",
    "Double7(": "length",
    "Double8(": "400",
    "Double9(": "too long",
    "Double11(": "detail",
}


def rows(out: Path, name: str) -> list[dict[str, object]]:
    return list(read_table(out / f"{name}.parquet").to_pylist())


def focal(asked: str) -> str:
    match = re.search(r"func (Double\d+\()", asked)
    assert match is not None
    return match[1]


def test_every_misbehaviour_of_a_server_ends_as_a_completion_or_a_classified_error(
    dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def behave(asked: str, before: int) -> str:
        kind = MIXED.get(focal(asked), "good")
        return "good" if kind in ("429", "500") and before >= 2 else kind

    with shaky_server(behave, seconds=0.02) as (url, seen):
        candidates = generate(
            dataset, out, "openai-api/shaky/m", GenerateOptions(),
            server=Server(url, {"api_key": "x"}, connections=3, retries=0, timeout=20),
        )  # fmt: skip
    assert len(candidates) == 12
    prompts = {focal(row["messages"][-1]["content"]): row["id"] for row in rows(out, "prompts")}  # type: ignore[index]
    by_prompt = {row["prompt_id"]: row for row in rows(out, "completions")}
    errors = {name: by_prompt[prompt]["error"] for name, prompt in prompts.items()}
    assert {name for name, error in errors.items() if not error} == {
        "Double0(", "Double1(", "Double10(",
    }  # fmt: skip
    assert errors["Double3("] == "empty"
    assert errors["Double7("] == "truncated"
    assert errors["Double9("] == "context-overflow"
    for name in ("Double2(", "Double4(", "Double5(", "Double6(", "Double8(", "Double11("):
        assert errors[name] == "model-error"
        assert by_prompt[prompts[name]]["detail"], name
    assert "400" in str(by_prompt[prompts["Double8("]]["detail"])
    assert "no model of that name" in str(by_prompt[prompts["Double11("]]["detail"])
    assert seen.most_flying <= 3
    assert sum(not candidate.code for candidate in candidates) == 9


def test_a_run_without_any_answer_ends_with_the_reason_and_one_with_some_says_how_many_failed(
    dataset: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"contains": "Double1", "error": "the server is down"}) + "\n")
    arguments = ["generate", str(dataset), "--model", f"scripted/{script}", "--out"]
    some = CliRunner().invoke(app, [*arguments, str(tmp_path / "some")])
    assert some.exit_code == 0, some.output
    assert "failed calls: 3 of 12 failed, such as: " in some.stdout
    assert "the server is down" in some.stdout
    assert "next: goutbench execute" in some.stdout
    script.write_text(json.dumps({"contains": "", "error": "the server is down"}) + "\n")
    none = CliRunner().invoke(app, [*arguments, str(tmp_path / "none")])
    assert isinstance(none.exception, GoutbenchError)
    assert "the model answered no call: 12 of 12 failed, such as: " in str(none.exception)
    assert "the server is down" in str(none.exception)
    assert "next:" not in none.output


def test_a_second_run_repeats_only_failed_calls(dataset: Path, tmp_path: Path) -> None:
    def once(asked: str, before: int) -> str:
        return "400" if focal(asked) in ("Double2(", "Double5(") and before == 0 else "good"

    with shaky_server(once) as (url, seen):
        for _ in range(3):
            candidates = generate(
                dataset, tmp_path / "run", "openai-api/shaky/m", GenerateOptions(),
                server=Server(url, {"api_key": "x"}, retries=0),
            )  # fmt: skip
    assert Counter(seen.asked.values()) == {1: 10, 2: 2}
    assert all(candidate.code for candidate in candidates)


def test_a_killed_run_resumes_and_repeats_no_call(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(24)])
    script = tmp_path / "script.jsonl"
    reply = '```go\npackage p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {}\n```\n'
    script.write_text(json.dumps({"reply": reply, "seconds": 0.15}) + "\n")

    def calls(name: str) -> Path:
        return tmp_path / f"{name}.calls"

    def start(name: str) -> "subprocess.Popen[bytes]":
        args = [
            str(dataset),
            "--model",
            f"scripted/{script}",
            "--connections",
            "2",
            "-M",
            f"calls={calls(name)}",
        ]
        return subprocess.Popen(
            [sys.executable, "-m", "goutbench", "generate", *args, "--out", str(tmp_path / name)],
            stdout=subprocess.DEVNULL,
            stderr=None,
        )

    def answered(name: str) -> list[str]:
        return calls(name).read_text().splitlines() if calls(name).is_file() else []

    for count in (5, 12):
        process = start("killed")
        while len(answered("killed")) < count:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.05)  # less than a reply's 0.15 s, so every reply is in the journal by now
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for name in ("killed", "complete"):
        server = Server(model_args={"calls": str(calls(name))}, connections=2)
        generate(dataset, tmp_path / name, f"scripted/{script}", GenerateOptions(), server=server)
    assert Counter(answered("killed")) == Counter(answered("complete"))
    for table in ("prompts", "candidates"):
        assert rows(tmp_path / "killed", table) == rows(tmp_path / "complete", table)
    killed, complete = (
        [
            {key: value for key, value in row.items() if key != "seconds"}
            for row in rows(tmp_path / name, "completions")
        ]
        for name in ("killed", "complete")
    )
    assert killed == complete


def test_inspect_finds_the_task_by_its_entry_point(dataset: Path, tmp_path: Path) -> None:
    args = {"dataset": str(dataset), "unit": "function", "limit": 2, "samples": 2}
    (log,) = inspect_eval(
        "goutbench/unit_tests", model="scripted/echo", task_args=args, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success"
    assert log.samples is not None
    assert [sample.output.completion.count("TestNothing") for sample in log.samples] == [1] * 4


def test_a_prompt_that_exceeds_the_window_is_never_sent(dataset: Path, tmp_path: Path) -> None:
    options = GenerateOptions(window=10, max_tokens=5)
    assert plan(dataset, tmp_path / "run", "scripted/echo", options).overflow == 12
    server = Server(model_args={"calls": str(tmp_path / "calls")})
    candidates = generate(dataset, tmp_path / "run", "scripted/echo", options, server=server)
    assert not (tmp_path / "calls").exists()
    assert {row["error"] for row in rows(tmp_path / "run", "completions")} == {"context-overflow"}
    assert len(candidates) == 12
    assert not any(candidate.code for candidate in candidates)


def test_a_completion_at_the_token_limit_counts_as_truncated(dataset: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"reply": "one two three", "stop": "unknown"}) + "\n")
    for max_tokens, error in ((3, "truncated"), (4, "")):
        out, options = tmp_path / str(max_tokens), GenerateOptions(limit=2, max_tokens=max_tokens)
        generate(dataset, out, f"scripted/{script}", options)
        assert {row["error"] for row in rows(out, "completions")} == {error}


def test_a_short_completion_is_not_truncated_by_a_longer_one_in_its_batch(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every reply in a local model's batch Inspect reports the tokens of the longest one."""

    def tokenizer(text: str, add_special_tokens: bool) -> dict[str, list[str]]:
        return {"input_ids": text.split()}

    monkeypatch.setattr(ScriptedWriter, "tokenizer", staticmethod(tokenizer), raising=False)
    script = tmp_path / "script.jsonl"
    for count, error in ((64, "truncated"), (60, "")):
        line = {"reply": " ".join(["x"] * count), "stop": "unknown", "tokens": 64}
        script.write_text(json.dumps(line) + "\n")
        out = tmp_path / str(count)
        generate(dataset, out, f"scripted/{script}", GenerateOptions(limit=2, max_tokens=64))
        assert {(row["error"], row["output_tokens"]) for row in rows(out, "completions")} == {(error, count)}


@pytest.mark.parametrize(
    ("name", "args", "fast", "dtype"),
    [
        ("hf/tiny", {}, False, "float32"),
        ("hf/tiny", {}, True, None),
        ("hf/tiny", {"dtype": "bfloat16"}, False, "bfloat16"),
        ("hf/tiny", {"torch_dtype": "auto"}, False, None),
        ("openai/tiny", {}, False, None),
    ],
)
def test_a_local_model_is_opened_in_float32_without_native_bfloat16(
    name: str, args: dict[str, str], fast: bool, dtype: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: dict[str, object] = {}
    monkeypatch.setattr("goutbench.inference.models.has_native_bfloat16", lambda: fast)

    def get_model(_: str, **options: object) -> SimpleNamespace:
        opened.update(options)
        return SimpleNamespace(api=None)

    monkeypatch.setattr("inspect_ai.model.get_model", get_model)
    open_model(name, Server(model_args=args), temperature=None)
    assert opened.get("dtype") == dtype


def test_the_revision_of_a_local_model_is_the_hash_of_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = with_weights_revision(GenerateOptions(), f"hf/{folder}").revision
    assert first == with_weights_revision(GenerateOptions(), f"hf/{folder}").revision != ""
    (folder / "README.md").write_text("a card is no weight")
    assert with_weights_revision(GenerateOptions(), f"hf/{folder}").revision == first
    (folder / "model.safetensors").write_bytes(b"two")
    assert with_weights_revision(GenerateOptions(), f"hf/{folder}").revision not in ("", first)
    assert with_weights_revision(GenerateOptions(revision="mine"), f"hf/{folder}").revision == "mine"
    assert with_weights_revision(GenerateOptions(), "openai/model").revision == ""


def test_pure_selects_pure_functions_only(dataset: Path, tmp_path: Path) -> None:
    """Also from several splits: Double is pure in every pair."""
    pairs = list(read_pairs(dataset))
    splits = ["train", "validation", "test"]
    assigned = [
        SplitAssignment(pair.id, "leakfree", splits[number % 3], pair.id, 1, 1.0)
        for number, pair in enumerate(pairs)
    ]
    write_arrow(to_table(assigned, SplitAssignment), dataset / "splits" / "leakfree.parquet")
    options = GenerateOptions(unit="function", pure=True, split="leakfree:validation+test")
    assert plan(dataset, tmp_path, "scripted/echo", options).items == len(pairs) - (len(pairs) + 2) // 3
    with pytest.raises(ConfigError, match="has no split 'none'"):
        plan(dataset, tmp_path, "scripted/echo", replace(options, split="leakfree:test+none"))


def test_a_run_has_the_settings_of_its_prompt_and_its_records_name_it(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["generate", str(dataset), "--model", "scripted/echo", "--out", str(out), "--prompt", "paper"]
    result = CliRunner().invoke(app, [*command, "--examples", "0", "--budget", "900"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    facts, paper = json.loads((out / "run.json").read_text()), load_prompt("paper")
    expected = {"unit": "file", "budget": 900, "cross_file_tokens": 0, "mode": "append", "examples": 0}
    assert {name: facts["options"][name] for name in expected} == expected
    assert facts["prompt"] == {"name": "paper", "version": 1, "hash": paper.hash}
    records = [*rows(out, "prompts"), *rows(out, "candidates")]
    assert {(row["prompt"], row["prompt_hash"]) for row in records} == {("paper", paper.hash)}


def test_concurrent_selects_concurrent_functions_only(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(3)]
    locked = pairs[1].code.replace("{ return", "{ mu.Lock(); defer mu.Unlock(); return")
    dataset = write_dataset(tmp_path / "dataset", [pairs[0], replace(pairs[1], code=locked), pairs[2]])
    (item,) = read_items(dataset, GenerateOptions.for_prompt("concurrency", concurrent=True))
    assert item.focal == ("Double1",)
    with pytest.raises(ConfigError, match="--concurrent: only functions"):
        read_items(dataset, GenerateOptions(concurrent=True))


def test_standard_output_has_results_only(dataset: Path, tmp_path: Path) -> None:
    args = [str(dataset), "--model", "scripted/echo", "--limit", "2", "--out", str(tmp_path / "run")]
    # in a new process, as Inspect keeps the first display that a process requests
    result = subprocess.run(
        [sys.executable, "-m", "goutbench", "generate", *args], check=True, capture_output=True, text=True
    )
    assert "unit_tests" in result.stderr
    assert "unit_tests" not in result.stdout
    assert result.stdout.startswith("candidates: 2\n")
    run = tmp_path / "run"
    command = f"goutbench execute {run}/candidates.parquet --dataset {dataset} --out {run}"
    assert result.stdout.endswith(f"\nnext: {command}\n")


def test_the_next_command_can_be_pasted() -> None:
    assert (
        execute_command(Path("run"), Path("dataset")) == "goutbench execute run/candidates.parquet --out run"
    )
    words = ["goutbench", "execute", "my run/candidates.parquet", "--dataset", "my $data", "--out", "my run"]
    assert shlex.split(execute_command(Path("my run"), Path("my $data"))) == words


@pytest.mark.parametrize("unit", ["file", "function"])
def test_a_limit_draws_some_of_all_items_in_order_by_the_seed(dataset: Path, unit: str) -> None:
    everything = read_items(dataset, GenerateOptions(unit=unit))
    assert len(everything) > 8
    four, six = (read_items(dataset, GenerateOptions(unit=unit, limit=limit, seed=5)) for limit in (4, 6))
    assert len(four) == 4
    assert four == [item for item in everything if item in four]
    assert all(item in six for item in four)
    assert four != read_items(dataset, GenerateOptions(unit=unit, limit=4, seed=6))
    assert read_items(dataset, GenerateOptions(unit=unit, limit=len(everything))) == everything


def test_a_limit_draws_each_function_with_the_same_chance(dataset: Path) -> None:
    pairs = list(read_pairs(dataset))
    counts = Counter(
        (item.pair.id, item.focal)
        for seed in range(150)
        for item in items_without_prompts(
            dataset, pairs, GenerateOptions(unit="function", limit=2, seed=seed)
        )
    )
    expected = 300 / len(read_items(dataset, GenerateOptions(unit="function")))
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 3 * len(counts)


def test_many_pairs_give_the_same_items_in_the_same_order(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = GenerateOptions(unit="function")
    one_process = read_items(dataset, options)
    monkeypatch.setattr("goutbench.generate.items._MANY_PAIRS", 1)
    monkeypatch.setattr("goutbench.generate.items.available_cpus", lambda: 2)
    assert read_items(dataset, options) == one_process


def test_many_pairs_do_not_take_the_pool_of_examples_along(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = list(read_pairs(dataset))
    assigned = [
        SplitAssignment(pair.id, "leakfree", "train" if at < 8 else "test", pair.id, 1, 1.0)
        for at, pair in enumerate(pairs)
    ]
    write_arrow(to_table(assigned, SplitAssignment), dataset / "splits" / "leakfree.parquet")
    options = GenerateOptions(unit="function", examples=2, split="leakfree:test")
    one_process = read_items(dataset, options)
    training = [f"Double{number}(" for number in range(8)]
    assert all(any(name in str(item.prompts) for name in training) for item in one_process)
    sent: list[bytes] = []

    def recorded(function: Any, work: list[Any], workers: int) -> Iterator[Any]:
        sent.extend(map(pickle.dumps, work))
        return map_items(function, work, workers=workers)

    monkeypatch.setattr("goutbench.generate.items._MANY_PAIRS", 1)
    monkeypatch.setattr("goutbench.generate.items.available_cpus", lambda: 2)
    monkeypatch.setattr("goutbench.generate.items.map_items", recorded)
    assert read_items(dataset, options) == one_process
    assert sent
    assert not any(pair.code.encode() in item for item in sent for pair in pairs[:8])


def test_every_sample_is_a_candidate_with_its_cost(dataset: Path, tmp_path: Path) -> None:
    options = GenerateOptions(samples=2, limit=3, unit="function")
    price = Price(input=1e6, output=2e6)
    candidates = generate(dataset, tmp_path / "run", "scripted/echo", options, price=price)
    assert sorted(candidate.sample for candidate in candidates) == [0, 0, 0, 1, 1, 1]
    assert all(candidate.focal for candidate in candidates)
    assert len({(candidate.pair_id, candidate.focal) for candidate in candidates}) == 3
    counts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (counts["items"], counts["candidates"]) == (3, 6)
    for row in rows(tmp_path / "run", "completions"):
        assert row["cost"] == row["input_tokens"] + 2 * row["output_tokens"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "model", "message"),
    [
        (GenerateOptions(unit="line"), "scripted/echo", "'line' is not a unit"),
        (GenerateOptions(mode="mix"), "scripted/echo", "'mix' is not a mode"),
        (GenerateOptions(split="leakfree:test"), "scripted/echo", "goutbench split"),
        (GenerateOptions(examples=2), "scripted/echo", "--split"),
        (GenerateOptions(only=("zz",)), "scripted/echo", "no pair 'zz'"),
        (GenerateOptions(), "nobody/knows", "cannot open the model"),
    ],
)
def test_an_invalid_option_is_an_error_with_a_hint(
    dataset: Path, tmp_path: Path, options: GenerateOptions, model: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(dataset, tmp_path / "run", model, options)
    assert message in str(caught.value)
    assert not (tmp_path / "run" / "completions.jsonl").exists(), "no model is called"
