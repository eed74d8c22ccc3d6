"""Generating with a scripted model and with a real server on loopback that misbehaves."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import execution
from shaky_server import shaky_server

from goutbench.config import Price
from goutbench.dataset.store import read_pairs, read_table, to_table
from goutbench.dataset.store import write_table as write_arrow
from goutbench.errors import ConfigError
from goutbench.execute.journal import write_table
from goutbench.generate.options import Options
from goutbench.generate.scripted import ScriptedAPI
from goutbench.generate.stage import generate, named, plan
from goutbench.inference.models import Server, open_model
from goutbench.records import SplitAssignment

pytestmark = [
    pytest.mark.usefixtures("inspect_tidied"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "ignore:The 'initial' parameter:DeprecationWarning",  # Inspect's own
    ),
]

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
    found: list[dict[str, object]] = read_table(out / f"{name}.parquet").to_pylist()
    return found


def focal(asked: str) -> str:
    match = re.search(r"func (Double\d+\()", asked)
    assert match is not None
    return match[1]


def test_every_misbehaviour_of_a_server_ends_as_a_result_or_a_classified_error(
    dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def behave(asked: str, before: int) -> str:
        kind = MIXED.get(focal(asked), "good")
        return "good" if kind in ("429", "500") and before >= 2 else kind

    with shaky_server(behave, seconds=0.02) as (url, seen):
        made = generate(
            dataset, out, "openai-api/shaky/m", Options(),
            server=Server(url, {"api_key": "x"}, connections=3, retries=0, timeout=20),
        )  # fmt: skip
    assert len(made) == 12
    found = {focal(row["messages"][-1]["content"]): row["id"] for row in rows(out, "prompts")}  # type: ignore[index]
    by_prompt = {row["prompt_id"]: row for row in rows(out, "completions")}
    errors = {name: by_prompt[key]["error"] for name, key in found.items()}
    assert {name for name, error in errors.items() if not error} == {
        "Double0(", "Double1(", "Double10(",
    }  # fmt: skip
    assert errors["Double3("] == "empty"
    assert errors["Double7("] == "truncated"
    assert errors["Double9("] == "context-overflow"
    for name in ("Double2(", "Double4(", "Double5(", "Double6(", "Double8(", "Double11("):
        assert errors[name] == "model-error"
        assert by_prompt[found[name]]["detail"], name
    assert "400" in str(by_prompt[found["Double8("]]["detail"])
    assert "no model of that name" in str(by_prompt[found["Double11("]]["detail"])
    assert seen.most_flying <= 3
    assert sum(not candidate.code for candidate in made) == 9


def test_a_second_run_asks_only_for_what_failed(dataset: Path, tmp_path: Path) -> None:
    def once(asked: str, before: int) -> str:
        return "400" if focal(asked) in ("Double2(", "Double5(") and before == 0 else "good"

    with shaky_server(once) as (url, seen):
        for _ in range(3):
            made = generate(
                dataset, tmp_path / "run", "openai-api/shaky/m", Options(),
                server=Server(url, {"api_key": "x"}, retries=0),
            )  # fmt: skip
    assert Counter(seen.asked.values()) == {1: 10, 2: 2}
    assert all(candidate.code for candidate in made)


def test_killed_at_any_time_it_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [make_pair(number) for number in range(24)])
    script = tmp_path / "script.jsonl"
    reply = '```go\npackage p\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {}\n```\n'
    script.write_text(json.dumps({"reply": reply, "seconds": 0.15}) + "\n")

    def start(name: str) -> "subprocess.Popen[bytes]":
        command = [
            sys.executable,
            "-m",
            "goutbench",
            "generate",
            str(dataset),
            "--model",
            f"scripted/{script}",
        ]
        command += ["--connections", "2", "-M", f"calls={tmp_path / name}.calls"]
        return subprocess.Popen(
            [*command, "--out", str(tmp_path / name)], stdout=subprocess.DEVNULL, stderr=None
        )

    def answered(name: str) -> list[str]:
        path = tmp_path / f"{name}.calls"
        return path.read_text().splitlines() if path.is_file() else []

    for wanted in (5, 12):
        process = start("killed")
        while len(answered("killed")) < wanted:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.05)  # within an answer's 0.15 s, so that none has come that is not written down
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for name in ("killed", "whole"):
        assert start(name).wait() == 0
    assert Counter(answered("killed")) == Counter(answered("whole"))
    for table in ("prompts", "candidates"):
        assert rows(tmp_path / "killed", table) == rows(tmp_path / "whole", table)
    ignored = {"seconds"}
    killed, whole = (
        [{k: v for k, v in row.items() if k not in ignored} for row in rows(tmp_path / name, "completions")]
        for name in ("killed", "whole")
    )
    assert killed == whole


def test_what_does_not_fit_the_window_is_known_before_the_call(dataset: Path, tmp_path: Path) -> None:
    options = Options(window=10, max_tokens=5)
    assert plan(dataset, tmp_path / "run", "scripted/echo", options).overflow == 12
    made = generate(
        dataset,
        tmp_path / "run",
        "scripted/echo",
        options,
        server=Server(model_args={"calls": str(tmp_path / "calls")}),
    )
    assert not (tmp_path / "calls").exists()
    assert {row["error"] for row in rows(tmp_path / "run", "completions")} == {"context-overflow"}
    assert len(made) == 12
    assert not any(candidate.code for candidate in made)


def test_a_reply_as_long_as_allowed_is_cut_though_nobody_says_so(dataset: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps({"reply": "one two three", "stop": "unknown"}) + "\n")
    for most, error in ((3, "truncated"), (4, "")):
        generate(dataset, tmp_path / str(most), f"scripted/{script}", Options(limit=2, max_tokens=most))
        assert {row["error"] for row in rows(tmp_path / str(most), "completions")} == {error}


def test_a_short_reply_is_not_cut_for_a_longer_one_in_its_batch(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect says of each reply of a local model's batch what the longest has."""

    def tokenizer(text: str, add_special_tokens: bool) -> dict[str, list[str]]:
        return {"input_ids": text.split()}

    monkeypatch.setattr(ScriptedAPI, "tokenizer", staticmethod(tokenizer), raising=False)
    script = tmp_path / "script.jsonl"
    for words, error in ((64, "truncated"), (60, "")):
        line = {"reply": " ".join(["x"] * words), "stop": "unknown", "tokens": 64}
        script.write_text(json.dumps(line) + "\n")
        generate(dataset, tmp_path / str(words), f"scripted/{script}", Options(limit=2, max_tokens=64))
        found = rows(tmp_path / str(words), "completions")
        assert {(row["error"], row["output_tokens"]) for row in found} == {(error, words)}


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
def test_local_models_are_opened_in_a_type_that_the_machine_is_fast_in(
    name: str, args: dict[str, str], fast: bool, dtype: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: dict[str, object] = {}
    monkeypatch.setattr("goutbench.inference.models.multiplies_bfloat16", lambda: fast)
    monkeypatch.setattr("inspect_ai.model.get_model", lambda _, **options: opened.update(options))
    open_model(name, Server(model_args=args), temperature=None)
    assert opened.get("dtype") == dtype


def test_a_local_model_is_known_by_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = named(Options(), f"hf/{folder}").revision
    assert first == named(Options(), f"hf/{folder}").revision != ""
    (folder / "README.md").write_text("a card is no weight")
    assert named(Options(), f"hf/{folder}").revision == first
    (folder / "model.safetensors").write_bytes(b"two")
    assert named(Options(), f"hf/{folder}").revision not in ("", first)
    assert named(Options(revision="mine"), f"hf/{folder}").revision == "mine"
    assert named(Options(), "openai/model").revision == ""


def test_only_functions_that_compute_are_asked_for(dataset: Path, tmp_path: Path) -> None:
    """Of several splits, too: Double is pure in every pair."""
    pairs = list(read_pairs(dataset))
    splits = ["train", "validation", "test"]
    assigned = [
        SplitAssignment(each.id, "leakfree", splits[at % 3], each.id, 1, 1.0) for at, each in enumerate(pairs)
    ]
    write_arrow(to_table(assigned, SplitAssignment), dataset / "splits" / "leakfree.parquet")
    options = Options(unit="function", pure=True, split="leakfree:validation+test")
    assert plan(dataset, tmp_path, "scripted/echo", options).items == len(pairs) - (len(pairs) + 2) // 3
    with pytest.raises(ConfigError, match="no split 'none'"):
        plan(dataset, tmp_path, "scripted/echo", replace(options, split="leakfree:test+none"))


def test_standard_output_is_left_to_results(dataset: Path, tmp_path: Path) -> None:
    words = [str(dataset), "--model", "scripted/echo", "--limit", "2", "--out", str(tmp_path / "run")]
    # a process of its own: Inspect keeps the first display that a process asks for
    said = subprocess.run(
        [sys.executable, "-m", "goutbench", "generate", *words], check=True, capture_output=True, text=True
    )
    assert "unit_tests" in said.stderr
    assert "unit_tests" not in said.stdout
    assert said.stdout.startswith("candidates: 2\n")


def test_samples_and_costs(dataset: Path, tmp_path: Path) -> None:
    options = Options(samples=2, limit=3, unit="function")
    made = generate(dataset, tmp_path / "run", "scripted/echo", options, price=Price(input=1e6, output=2e6))
    assert sorted(candidate.sample for candidate in made) == [0, 0, 0, 1, 1, 1]
    assert all(candidate.focal for candidate in made)
    for row in rows(tmp_path / "run", "completions"):
        assert row["cost"] == row["input_tokens"] + 2 * row["output_tokens"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "model", "words"),
    [
        (Options(unit="line"), "scripted/echo", "no unit 'line'"),
        (Options(split="leakfree:test"), "scripted/echo", "goutbench split"),
        (Options(examples=2), "scripted/echo", "--split"),
        (Options(only=("zz",)), "scripted/echo", "no pair 'zz'"),
        (Options(), "nobody/knows", "no such model"),
    ],
)
def test_bad_input_is_named(dataset: Path, tmp_path: Path, options: Options, model: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(dataset, tmp_path / "run", model, options)
    assert words in str(caught.value)


def test_build_errors_are_handed_back_after_execution(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ConfigError, match="run `goutbench execute"):
        generate(dataset, out, "scripted/echo", Options(limit=3, repair=1))
    first = generate(dataset, out, "scripted/echo", Options(limit=3))
    pairs = {pair.id: pair for pair in read_pairs(dataset)}
    outcomes = [("BUILD_FAILED", "syntax", "undefined"), ("PASSED", "mutation", "")] * 2
    records = [
        execution(each.id, pairs[each.pair_id], each.model, *outcome)
        for each, outcome in zip(first, outcomes, strict=False)
    ]
    write_table(out / "executions.parquet", records)
    asked: list[str] = []

    def behave(words: str, before: int) -> str:
        asked.append(words)
        return "good"

    with shaky_server(behave) as (url, _):
        options = Options(limit=3, repair=2)
        for _ in range(2):
            again = generate(
                dataset, out, "openai-api/shaky/m", options, server=Server(url, {"api_key": "x"})
            )
    assert [each.round for each in again] == [0, 0, 0]  # another model: its candidates were not executed
    assert len(asked) == 3
    made = generate(dataset, out, "scripted/echo", options)
    assert [(each.round, each.pair_id) for each in made] == [
        *((0, each.pair_id) for each in first),
        *((1, first[at].pair_id) for at in (0, 2)),
    ]
    repaired = [row for row in rows(out, "prompts") if row["template"] == "repair-v1"]
    assert len(repaired) == 2
    roles = [message["role"] for message in repaired[0]["messages"]]  # type: ignore[index, attr-defined]
    assert roles == ["system", "user", "assistant", "user"]
    last = repaired[0]["messages"][-1]["content"]  # type: ignore[index]
    assert "f_test.go:6: undefined" in last
    assert {row["round"] for row in rows(out, "completions")} == {0, 1}
