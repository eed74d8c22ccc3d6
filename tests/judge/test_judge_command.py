"""The stage on files, with real Inspect and judges without a model: outcomes, resume, audit, labels."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from judging import GOOD, IDLE, MakeRun, make_judge, with_inspect
from typer.testing import CliRunner, Result

from goutbench.cli import app
from goutbench.dataset.shards import Shard, ShardPlan
from goutbench.dataset.store import read_table, write_rows
from goutbench.errors import ConfigError, GoutbenchError, StorageError
from goutbench.inference.models import Server
from goutbench.judge.audit import require_pass
from goutbench.judge.config import Judge
from goutbench.judge.items import read_comparisons, read_passing
from goutbench.judge.options import JudgeOptions
from goutbench.judge.results.labels import label_order
from goutbench.judge.stage import judge
from goutbench.records import Match, Verdict

Runs = tuple[Path, Path]
ASSERTING = "scripted_judge/asserting"


def command(*args: object) -> Result:
    return CliRunner().invoke(app, ["judge", *(str(word) for word in args)])


def verdicts(out: Path) -> list[Verdict]:
    return [Verdict(**row) for row in read_table(out / "verdicts.parquet").to_pylist()]


def matches(out: Path) -> list[Match]:
    rows = read_table(out / "matches.parquet").to_pylist()
    return [Match(**{**row, "focal": tuple(row["focal"])}) for row in rows]


def test_a_shard_may_have_no_item(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    for number in range(1, 41):
        if not ShardPlan.of(dataset, Shard(number, 40)).pairs:
            break
    out = tmp_path / f"part-{number:02}"
    words = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out, "--shard", f"{number}/40")
    result = command(*words)
    assert result.exit_code == 0, result.output
    shown = f"goutbench merge {tmp_path / 'part-'}* --dataset {dataset}"
    assert result.stdout == f"no item in this shard\nnext, after all 40 shards: {shown}\n"
    result = command(*words, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {})


@with_inspect
def test_two_runs_are_compared_in_both_orders(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = command(*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)["judges"][f"default={ASSERTING}"]
    assert figures["outcomes"]["win"] == {
        "count": 9, "of": 9, "rate": 1.0, "low": pytest.approx(0.70, abs=0.01), "high": 1.0,
    }  # fmt: skip
    assert figures["position"]["first preferred"]["count"] == 9
    assert {name: row["n"] for name, row in figures["by repository"].items()} == {
        "o/one": 3, "o/three": 3, "o/two": 3,
    }  # fmt: skip
    assert {verdict.order for verdict in verdicts(out)} == {"ab", "ba"}
    assert {(match.outcome, match.mode) for match in matches(out)} == {("win", "both-orders")}
    assert all(json.loads(verdict.reply)["winner"] != verdict.choice for verdict in verdicts(out))
    assert json.loads((out / "run.json").read_text())["figures"] == json.loads(result.stdout)


@with_inspect
def test_three_runs_are_compared_pair_by_pair_and_rated(
    runs: Runs, make_run: MakeRun, dataset: Path, tmp_path: Path
) -> None:
    third = make_run("mixed", lambda n: (GOOD if n % 3 else IDLE).format(n=n))
    out, calls = tmp_path / "out", tmp_path / "calls"
    options = ("--dataset", dataset, "--model", ASSERTING, "--out", out, "-M", f"calls={calls}", "--json")
    assert command(*runs, *options).exit_code == 0
    result = command(*runs, third, *options)
    assert result.exit_code == 0, result.output
    # no answered question is repeated: of idle and mixed, only the three items with equal tests are new
    assert len(calls.read_text().splitlines()) == 2 * (9 + 3 + 9)
    content = json.loads(result.stdout)
    assert [(pair["model a"], pair["model b"]) for pair in content["pairs"]] == [
        ("made/idle", "made/good"), ("made/idle", "made/mixed"), ("made/good", "made/mixed"),
    ]  # fmt: skip
    (rated,) = content["ratings"].values()
    assert [row["model"] for row in rated] == ["made/good", "made/mixed", "made/idle"]
    assert [row["rank"]["value"] for row in rated] == [1.0, 2.0, 3.0]
    assert rated[0]["points"]["low"] > rated[2]["points"]["high"]
    assert json.loads((out / "run.json").read_text())["ratings"] == content["ratings"]
    text = command(*runs, third, *options[:-1]).stdout
    assert "ratings (Bradley-Terry" in text
    assert "made/good" in text.splitlines()[-4]  # the next command is below the table
    one = command(runs[0], *options)
    assert "needs two runs" in str(one.exception)


@with_inspect
def test_two_runs_of_one_model_are_rated_as_two(
    runs: Runs, make_run: MakeRun, dataset: Path, tmp_path: Path
) -> None:
    weak = make_run("again", lambda n: IDLE.format(n=n), model="made/good")
    result = command(
        *runs, weak, "--dataset", dataset, "--model", ASSERTING, "--out", tmp_path / "o", "--json"
    )
    (rated,) = json.loads(result.stdout)["ratings"].values()
    assert rated[0]["model"] == "made/good [b: good]"
    assert {row["model"] for row in rated[1:]} == {"made/idle", f"made/good [c: {weak.name}]"}


@with_inspect
def test_a_judge_that_follows_the_position_gives_flips_only(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    result = command(
        *runs, "--dataset", dataset, "--model", "scripted_judge/first", "--out", tmp_path / "out"
    )
    assert {match.outcome for match in matches(tmp_path / "out")} == {"flip"}
    assert "first in the prompt preferred: 100.0% (18 of 18" in result.output


@with_inspect
def test_the_paper_judge_scores_both_candidates_in_one_call(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command(*runs, "--dataset", dataset, "--judge", "paper", "--model", ASSERTING, "--out", out)
    result = verdicts(out)
    assert len(result) == 9
    assert {(verdict.score_a, verdict.score_b, verdict.choice) for verdict in result} == {(3.0, 8.0, "b")}
    assert {verdict.order for verdict in result} == {"ab", "ba"}  # drawn by item


@with_inspect
def test_inspect_finds_the_task_by_its_entry_point(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    args = {"run_a": str(runs[0]), "run_b": str(runs[1]), "dataset": str(dataset), "judge": "paper"}
    (log,) = inspect_eval(
        "goutbench/pairwise", model=ASSERTING, task_args=args, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 1.0


@with_inspect
def test_a_prompt_that_exceeds_the_window_is_an_error_without_a_call(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    args = (*runs, "--dataset", dataset, "--judge", "paper", "--model", ASSERTING, "--out", tmp_path / "out")
    result = command(*args, "--window", 1100, "-M", f"calls={calls}", "--json")
    assert {match.outcome for match in matches(tmp_path / "out")} == {"error"}
    assert {verdict.error for verdict in verdicts(tmp_path / "out")} == {"context-overflow"}
    assert not calls.exists()
    (figures,) = json.loads(result.stdout)["judges"].values()
    assert figures["bounds"]["win rate"] == [0.0, 1.0]


@with_inspect
def test_a_price_gives_every_verdict_its_cost(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    price = tmp_path / "price.yaml"
    price.write_text("input: 1_000_000\noutput: 2_000_000\n")
    args = (*runs, "--dataset", dataset, "--model", ASSERTING)
    priced, plain = tmp_path / "priced", tmp_path / "plain"
    result = command(*args, "--out", priced, "--price", price, "--json")
    costs = [verdict.cost for verdict in verdicts(priced)]
    assert costs == [verdict.input_tokens + 2 * verdict.output_tokens for verdict in verdicts(priced)]
    assert min(verdict.output_tokens for verdict in verdicts(priced)) > 0
    figures = json.loads(result.stdout)
    assert figures["cost"] == figures["judges"][f"default={ASSERTING}"]["cost"] == sum(map(float, costs))
    assert f"cost {sum(map(float, costs)):g}: " in command(*args, "--out", priced, "--price", price).output
    result = command(*args, "--out", plain)
    assert {verdict.cost for verdict in verdicts(plain)} == {None}
    assert "cost" not in result.output
    result = command(*args, "--out", plain, "--window", 10, "--price", price)  # answers are there and kept
    assert {verdict.cost for verdict in verdicts(plain)} == set(costs)


@with_inspect
def test_a_panel_can_have_a_price_per_model(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    price = tmp_path / "price.yaml"
    price.write_text("input: 1_000_000\noutput: 0\n")
    panel = ("--judge", f"default={ASSERTING}", "--judge", "paper=scripted_judge/longer")
    args = (*runs, "--dataset", dataset, *panel, "--out", tmp_path / "out")
    result = command(*args, "--price", price)
    assert "one price for 2 models" in str(result.exception)
    result = command(*args, "--price", f"other={price}")
    assert "no judge has the model 'other'" in str(result.exception)
    result = command(
        *args, "--price", f"{ASSERTING}={price}", "--audit", "--audit-pairs", 1, "--despite-audit"
    )
    assert result.exit_code == 0, result.output
    by_judge: dict[str, set[bool]] = {}
    for verdict in verdicts(tmp_path / "out"):
        by_judge.setdefault(verdict.judge, set()).add(verdict.cost is None)
    assert by_judge == {f"default={ASSERTING}": {False}, "paper=scripted_judge/longer": {True}}
    cards = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {judge: card["cost"] is None for judge, card in cards.items()} == {
        f"default={ASSERTING}": False,
        "paper=scripted_judge/longer": True,
    }


@with_inspect
def test_a_panel_decides_by_majority(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    names = [f"default=scripted_judge/{rule}" for rule in ("asserting", "longer", "first")]
    args = [word for name in names for word in ("--judge", name)]
    result = command(*runs, "--dataset", dataset, *args, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    panel = [match for match in matches(tmp_path / "out") if match.judge == "panel"]
    assert {(match.outcome, match.reason) for match in panel} == {("win", "win 2, flip 1")}
    figures = json.loads(result.stdout)
    assert figures["agreement"]["Cohen's κ"][f"{names[0]} and {names[1]}"]["κ"] == 1.0
    assert figures["agreement"]["Cohen's κ"][f"{names[0]} and {names[2]}"]["same"]["rate"] == 0.0
    assert set(figures["judges"]) == {*names, "panel"}


@with_inspect
def test_a_dry_run_makes_no_call_and_writes_no_file(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out)
    result = json.loads(command(*args, "--dry-run", "--audit", "--audit-pairs", 2, "--json").stdout)
    assert (result["items"], result["calls"], result["answered"]) == (9 + 10, 18 + 20, 0)
    assert not out.exists()
    command(*args, "--limit", 4)
    result = json.loads(command(*args, "--dry-run", "--json").stdout)
    assert (result["calls"], result["answered"]) == (10, 8)


@with_inspect
def test_a_second_run_repeats_errors_and_no_answers(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    script, calls, out = tmp_path / "script.jsonl", tmp_path / "calls", tmp_path / "out"
    args = (
        *runs,
        "--dataset",
        dataset,
        "--model",
        f"scripted_judge/{script}",
        "--out",
        out,
        "-M",
        f"calls={calls}",
    )
    broken = {"contains": "f3.go", "error": "out of order"}
    script.write_text(json.dumps(broken) + "\n" + json.dumps({"contains": "f4.go", "reply": "Hm."}) + "\n")
    command(*args)
    assert len(calls.read_text().splitlines()) == 18
    wrong = [verdict for verdict in verdicts(out) if verdict.error]
    assert sorted(verdict.error for verdict in wrong) == ["model-error"] * 2 + ["unreadable"] * 2
    assert {verdict.reply for verdict in wrong if verdict.error == "unreadable"} == {"Hm."}
    assert any("out of order" in verdict.rationale for verdict in wrong)
    script.write_text("")
    command(*args)
    assert len(calls.read_text().splitlines()) == 20  # f3 in both orders; an unreadable reply is paid for
    assert {match.outcome for match in matches(out)} == {"tie", "error"}
    logs = len(list((out / "logs").iterdir()))
    command(*args)
    assert len(list((out / "logs").iterdir())) == logs == 2  # nothing left to ask: Inspect is not started


@with_inspect
def test_reparse_makes_no_call(
    runs: Runs, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls = tmp_path / "out", tmp_path / "calls"
    args = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out, "-M", f"calls={calls}")
    command(*args)
    before = matches(out)
    for name in ("verdicts.parquet", "matches.parquet"):
        (out / name).unlink()
    assert command(*args, "--reparse").exit_code == 0
    assert matches(out) == before
    assert len(calls.read_text().splitlines()) == 18
    (out / "answers.jsonl").unlink()
    command(*args, "--reparse")
    assert {verdict.error for verdict in verdicts(out)} == {"model-error"}
    assert len(calls.read_text().splitlines()) == 18


@with_inspect
def test_a_kill_repeats_no_call_that_was_answered(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    script, calls, out = tmp_path / "script.jsonl", tmp_path / "calls", tmp_path / "out"
    script.write_text(json.dumps({"contains": "f", "prefer": "longer", "seconds": 0.15}) + "\n")
    args = [
        *map(str, runs), "--dataset", str(dataset), "--model", f"scripted_judge/{script}", "--out", str(out),
        "-M", f"calls={calls}", "--connections", "2", "--json",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "goutbench", "judge", *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not count_answers(out):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    answered, asked = count_answers(out), len(calls.read_text().splitlines())
    assert 0 < answered < 18
    with (out / "answers.jsonl").open("ab") as journal:
        journal.write(b'{"key": "cut sho')  # what a kill in the middle of a write leaves
    assert command(*args).exit_code == 0
    assert len(calls.read_text().splitlines()) - asked == 18 - answered
    assert count_answers(out) == 18
    assert len({json.loads(line)["key"] for line in (out / "answers.jsonl").read_text().splitlines()}) == 18
    assert {match.outcome for match in matches(out)} == {"win"}
    assert {verdict.choice for verdict in verdicts(out)} == {"b"}


def count_answers(out: Path) -> int:
    path = out / "answers.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_the_journal_of_another_version_is_an_error(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"key": "k", "args": 1}\n')
    with pytest.raises(StorageError, match=r"answers\.jsonl:1"):
        judge(runs, dataset, tmp_path, [make_judge()], JudgeOptions(), Server())


# ── items ────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_is_shown_with_its_own_tests_only(make_run: MakeRun, dataset: Path) -> None:
    def focal(number: int) -> tuple[str, ...]:
        return (f"Double{number}",)

    a, b = make_run("a", lambda n: IDLE.format(n=n), focal), make_run("b", lambda n: GOOD.format(n=n), focal)
    items = read_comparisons(a, b, dataset, JudgeOptions()).comparisons
    assert len(items) == 9
    assert items[0].reference.startswith("func TestDouble0(")
    assert "Double0 doubles" in items[0].code


def test_candidates_without_a_counterpart_are_counted(
    make_run: MakeRun, dataset: Path, runs: Runs, tmp_path: Path
) -> None:
    some = make_run("some", lambda n: "x", lambda n: () if n < 4 else ("Other",))
    paired = read_comparisons(runs[0], some, dataset, JudgeOptions())
    assert (len(paired.comparisons), paired.unpaired_a, paired.unpaired_b) == (4, 5, 5)
    assert len(read_comparisons(*runs, dataset, JudgeOptions(limit=3)).comparisons) == 3


def test_candidates_of_feedback_rounds_are_ignored(make_run: MakeRun, dataset: Path, runs: Runs) -> None:
    path = make_run("later", lambda n: "first") / "candidates.parquet"
    rows = read_table(path).to_pylist()
    write_rows(path, [*rows, *(row | {"id": f"r{row['id']}", "round": 1, "code": "later"} for row in rows)])
    comparisons = read_comparisons(runs[0], path.parent, dataset, JudgeOptions()).comparisons
    assert {comparison.text_b for comparison in comparisons} == {"first"}


def test_an_item_is_drawn_with_all_its_samples(make_run: MakeRun, dataset: Path) -> None:
    runs = [make_run(name, lambda n: "x") for name in ("a", "b")]
    for run in runs:
        rows = read_table(run / "candidates.parquet").to_pylist()
        samples = [row | {"id": f"{row['id']}-{n}", "sample": n} for row in rows for n in range(3)]
        write_rows(run / "candidates.parquet", samples)
    once = read_comparisons(*runs, dataset, JudgeOptions(limit=4)).comparisons
    assert [(comparison.item, comparison.sample) for comparison in once] == [
        (item, sample)
        for item in dict.fromkeys(comparison.item for comparison in once)
        for sample in range(3)
    ]
    assert len(once) == 4 * 3


@with_inspect
def test_samples_are_compared_one_by_one_and_counted_as_one_item(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    for run in runs:
        rows = read_table(run / "candidates.parquet").to_pylist()
        samples = [row | {"id": f"{row['id']}-{n}", "sample": n} for row in rows for n in range(2)]
        write_rows(run / "candidates.parquet", samples)
    out, file = tmp_path / "out", tmp_path / "labels.csv"
    args = (*runs, "--dataset", dataset, "--judge", "paper", "--model", ASSERTING, "--out", out)
    assert json.loads(command(*args, "--dry-run", "--json").stdout)["items"] == 9
    result = json.loads(command(*args, "--json").stdout)
    (own,) = result["judges"].values()
    assert (own["n"], own["matches"], own["outcomes"]["win"]["of"]) == (9, 18, 9)
    assert {(match.pair_id, match.sample) for match in matches(out)} == {
        (f"{number + 1:016x}", sample) for number in range(9) for sample in range(2)
    }
    assert json.loads((out / "run.json").read_text())["items"] == 9
    assert "9 of 9 items" in command(*args, "--export-labels", 20, file).output


def test_passing_candidates_are_read_if_both_runs_were_executed(runs: Runs) -> None:
    assert read_passing(*runs) is None
    for run in runs:
        rows = [{"candidate_id": f"{run.name}{n}", "status": ("PASSED", "FLAKY")[n]} for n in range(2)]
        write_rows(run / "executions.parquet", rows)
    assert read_passing(*runs) == {"idle0", "good0"}


def test_folders_that_cannot_be_compared_are_an_error(
    make_run: MakeRun, dataset: Path, runs: Runs, tmp_path: Path
) -> None:
    apart = make_run("apart", lambda n: "x", lambda n: ("Other",))
    for a, b, message in ((runs[0], tmp_path, "goutbench generate"), (runs[0], apart, "in common")):
        with pytest.raises(ConfigError, match=message):
            read_comparisons(a, b, dataset, JudgeOptions())
    assert isinstance(command(runs[0]).exception, ConfigError)


# ── audit ────────────────────────────────────────────────────────────────────────────────────────


def audited(dataset: Path, out: Path, rule: str, *more: object) -> Result:
    return command("--audit", "--dataset", dataset, "--model", f"scripted_judge/{rule}", "--out", out, *more)


@with_inspect
@pytest.mark.parametrize("name", ["default", "paper"])
def test_a_judge_that_reads_the_candidates_passes_the_audit(name: str, dataset: Path, tmp_path: Path) -> None:
    result = audited(dataset, tmp_path, "asserting", "--judge", name, "--audit-pairs", 2, "--json")
    assert result.exit_code == 0, result.output
    (card,) = json.loads(result.stdout).values()
    assert card["passed"]
    assert len(card["kinds"]) == 6
    assert {kind["right"]["rate"] for kind in card["kinds"].values()} == {1.0}


@with_inspect
@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ("longer", {"comment-padded", "verdict-injecting"}),
        ("tie", {"assertions removed", "does not compile", "verdict-injecting"}),
        ("shorter", {"assertions removed", "does not compile"}),
        ("second", set()),
    ],
)
def test_an_audit_detects_a_biased_judge(rule: str, kinds: set[str], dataset: Path, tmp_path: Path) -> None:
    result = audited(dataset, tmp_path, rule, "--audit-pairs", 2)
    assert isinstance(result.exception, GoutbenchError)
    assert "--despite-audit" in str(result.exception)
    (card,) = json.loads((tmp_path / "audit.json").read_text()).values()
    below = {kind for kind, row in card["kinds"].items() if row["right"]["rate"] < 0.75}
    assert below == (kinds or set(card["kinds"]))


@with_inspect
def test_a_failed_audit_stops_the_run_unless_the_user_insists(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    args = (*runs, "--dataset", dataset, "--model", "scripted_judge/longer", "--out", out)
    assert command(*args, "--audit", "--audit-pairs", 1).exit_code != 0
    assert not (out / "matches.parquet").exists()
    assert isinstance(command(*args).exception, GoutbenchError)
    assert command(*args, "--despite-audit").exit_code == 0
    assert len(matches(out)) == 9


def test_an_audit_does_not_apply_to_a_changed_judge(tmp_path: Path) -> None:
    audited_judge = make_judge()
    config = audited_judge.config.model_copy(update={"user": audited_judge.config.user + "!"})
    card = {"fingerprint": audited_judge.fingerprint, "passed": False}
    (tmp_path / "audit.json").write_text(json.dumps({audited_judge.label: card}))
    require_pass(tmp_path, [Judge(config, audited_judge.model)])
    with pytest.raises(GoutbenchError, match="below the threshold"):
        require_pass(tmp_path, [audited_judge])


# ── labels ───────────────────────────────────────────────────────────────────────────────────────


def label(path: Path, choose: Callable[[dict[str, str]], str]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"label": choose(row)} for row in rows)


@with_inspect
def test_imported_labels_give_the_agreement_with_every_judge(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "labels.csv"
    args = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out)
    command(*args)
    assert "6 of 9" in command(*args, "--export-labels", 6, file).output
    text = file.read_text(encoding="utf-8")
    assert "made/" not in text  # nobody sees which model wrote what
    assert ASSERTING not in text
    label(file, lambda row: "first" if "t.Error" in row["first"] else "Second ")
    second = tmp_path / "second.csv"
    second.write_text(text, encoding="utf-8")
    label(second, lambda row: "tie" if row["repository"] == "o/one" else "")
    result = command("--out", out, "--import-labels", file, "--import-labels", second, "--json")
    rows = json.loads(result.stdout)
    same = {Path(name.split(" and ")[1]).stem: own["same"] for name, own in rows["judges"].items()}
    assert (same["labels"]["count"], same["labels"]["of"]) == (6, 6)
    assert (same["second"]["count"], same["second"]["of"]) == (0, 2)  # two items of each repository
    assert rows["people"]["n"] == 2


def test_the_order_of_labelling_depends_on_the_id_only() -> None:
    shown = [label_order(f"item {number}") for number in range(8)]
    assert shown == ["ba", "ab", "ab", "ab", "ab", "ba", "ab", "ba"]


def test_an_unknown_label_is_an_error_with_its_row(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    judge(runs, dataset, tmp_path / "out", [make_judge()], JudgeOptions(window=1), Server())
    file = tmp_path / "labels.csv"
    command(*runs, "--dataset", dataset, "--out", tmp_path / "out", "--export-labels", 3, file)
    label(file, lambda row: "A")
    result = command("--out", tmp_path / "out", "--import-labels", file)
    assert "item 1" in str(result.exception)


def test_no_cell_of_the_csv_is_a_formula(
    make_run: MakeRun, runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    formula = make_run("formula", lambda n: '=HYPERLINK("http://x.example")')
    file = tmp_path / "labels.csv"
    command(runs[0], formula, "--dataset", dataset, "--export-labels", 9, file)
    with file.open(newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    assert not [cell for cell in cells if cell.startswith("=")]
