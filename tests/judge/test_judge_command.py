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
from judging import GOOD, IDLE, MakeRun, juror, with_inspect
from typer.testing import CliRunner, Result

from goutbench.cli import app
from goutbench.dataset.store import read_table, write_rows
from goutbench.errors import ConfigError, GoutbenchError, StorageError
from goutbench.inference.models import Server
from goutbench.judge.audit import require_pass
from goutbench.judge.folder import Juror
from goutbench.judge.items import read_items, read_passing
from goutbench.judge.options import Options
from goutbench.judge.results.labels import _order
from goutbench.judge.stage import judge
from goutbench.records import Match, Verdict

Runs = tuple[Path, Path]
ASSERTING = "scripted_judge/asserting"


def command(*words: object) -> Result:
    return CliRunner().invoke(app, ["judge", *(str(word) for word in words)])


def verdicts(out: Path) -> list[Verdict]:
    return [Verdict(**row) for row in read_table(out / "verdicts.parquet").to_pylist()]


def matches(out: Path) -> list[Match]:
    rows = read_table(out / "matches.parquet").to_pylist()
    return [Match(**{**row, "focal": tuple(row["focal"])}) for row in rows]


@with_inspect
def test_two_runs_are_compared_in_both_orders(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = command(*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out, "--json")
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)["judges"][f"default={ASSERTING}"]
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
    assert json.loads((out / "run.json").read_text())["figures"] == json.loads(found.stdout)


@with_inspect
def test_a_judge_that_looks_at_places_alone_decides_nothing(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    found = command(*runs, "--dataset", dataset, "--model", "scripted_judge/first", "--out", tmp_path / "out")
    assert {match.outcome for match in matches(tmp_path / "out")} == {"flip"}
    assert "first shown preferred: 100.0% (18 of 18" in found.output


@with_inspect
def test_the_paper_scores_both_in_one_call(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command(*runs, "--dataset", dataset, "--judge", "paper", "--model", ASSERTING, "--out", out)
    found = verdicts(out)
    assert len(found) == 9
    assert {(verdict.score_a, verdict.score_b, verdict.choice) for verdict in found} == {(3.0, 8.0, "b")}
    assert {verdict.order for verdict in found} == {"ab", "ba"}  # drawn by item


@with_inspect
def test_inspect_finds_the_task_by_itself(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    args = {"run_a": str(runs[0]), "run_b": str(runs[1]), "dataset": str(dataset), "judge": "paper"}
    (log,) = inspect_eval(
        "goutbench/pairwise", model=ASSERTING, task_args=args, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 1.0


@with_inspect
def test_what_does_not_fit_the_window_is_an_error_before_the_call(
    runs: Runs, dataset: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    words = (*runs, "--dataset", dataset, "--judge", "paper", "--model", ASSERTING, "--out", tmp_path / "out")
    found = command(*words, "--window", 1100, "-M", f"calls={calls}", "--json")
    assert {match.outcome for match in matches(tmp_path / "out")} == {"error"}
    assert {verdict.error for verdict in verdicts(tmp_path / "out")} == {"context-overflow"}
    assert not calls.exists()
    (figures,) = json.loads(found.stdout)["judges"].values()
    assert figures["bounds"]["win rate"] == [0.0, 1.0]


@with_inspect
def test_a_price_gives_each_verdict_its_cost(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    price = tmp_path / "price.yaml"
    price.write_text("input: 1_000_000\noutput: 2_000_000\n")
    words = (*runs, "--dataset", dataset, "--model", ASSERTING)
    priced, plain = tmp_path / "priced", tmp_path / "plain"
    found = command(*words, "--out", priced, "--price", price, "--json")
    costs = [verdict.cost for verdict in verdicts(priced)]
    assert costs == [each.input_tokens + 2 * each.output_tokens for each in verdicts(priced)]
    assert min(each.output_tokens for each in verdicts(priced)) > 0
    figures = json.loads(found.stdout)
    assert figures["cost"] == figures["judges"][f"default={ASSERTING}"]["cost"] == sum(map(float, costs))
    assert f"cost {sum(map(float, costs)):g}: " in command(*words, "--out", priced, "--price", price).output
    found = command(*words, "--out", plain)
    assert {verdict.cost for verdict in verdicts(plain)} == {None}
    assert "cost" not in found.output
    found = command(*words, "--out", plain, "--window", 10, "--price", price)  # answers are there and kept
    assert {verdict.cost for verdict in verdicts(plain)} == set(costs)


@with_inspect
def test_a_panel_has_a_price_for_each_model(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    price = tmp_path / "price.yaml"
    price.write_text("input: 1_000_000\noutput: 0\n")
    panel = ("--judge", f"default={ASSERTING}", "--judge", "paper=scripted_judge/longer")
    words = (*runs, "--dataset", dataset, *panel, "--out", tmp_path / "out")
    found = command(*words, "--price", price)
    assert "one price for 2 models" in str(found.exception)
    found = command(*words, "--price", f"other={price}")
    assert "no judge has the model 'other'" in str(found.exception)
    found = command(*words, "--price", f"{ASSERTING}={price}", "--audit", "--despite-audit")
    assert found.exit_code == 0, found.output
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
def test_a_panel_agrees_by_majority(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    names = [f"default=scripted_judge/{rule}" for rule in ("asserting", "longer", "first")]
    words = [word for name in names for word in ("--judge", name)]
    found = command(*runs, "--dataset", dataset, *words, "--out", tmp_path / "out", "--json")
    assert found.exit_code == 0, found.output
    panel = [match for match in matches(tmp_path / "out") if match.judge == "panel"]
    assert {(match.outcome, match.reason) for match in panel} == {("win", "win 2, flip 1")}
    figures = json.loads(found.stdout)
    assert figures["agreement"]["Cohen's κ"][f"{names[0]} and {names[1]}"]["κ"] == 1.0
    assert figures["agreement"]["Cohen's κ"][f"{names[0]} and {names[2]}"]["same"]["rate"] == 0.0
    assert set(figures["judges"]) == {*names, "panel"}


@with_inspect
def test_a_plan_asks_nothing_and_leaves_nothing(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out)
    found = json.loads(command(*words, "--dry-run", "--audit", "--audit-pairs", 2, "--json").stdout)
    assert (found["items"], found["calls"], found["kept"]) == (9 + 10, 18 + 20, 0)
    assert not out.exists()
    command(*words, "--limit", 4)
    found = json.loads(command(*words, "--dry-run", "--json").stdout)
    assert (found["calls"], found["kept"]) == (10, 8)


@with_inspect
def test_errors_are_asked_again_and_answers_never(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    script, calls, out = tmp_path / "script.jsonl", tmp_path / "calls", tmp_path / "out"
    words = (
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
    command(*words)
    assert len(calls.read_text().splitlines()) == 18
    wrong = [verdict for verdict in verdicts(out) if verdict.error]
    assert sorted(verdict.error for verdict in wrong) == ["model-error"] * 2 + ["unreadable"] * 2
    assert {verdict.reply for verdict in wrong if verdict.error == "unreadable"} == {"Hm."}
    assert any("out of order" in verdict.rationale for verdict in wrong)
    script.write_text("")
    command(*words)
    assert len(calls.read_text().splitlines()) == 20  # f3 in both orders; an unreadable reply is paid for
    assert {match.outcome for match in matches(out)} == {"tie", "error"}
    logs = len(list((out / "logs").iterdir()))
    command(*words)
    assert len(list((out / "logs").iterdir())) == logs == 2  # nothing left to ask: Inspect is not started


@with_inspect
def test_replies_are_read_again_for_nothing(
    runs: Runs, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls = tmp_path / "out", tmp_path / "calls"
    words = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out, "-M", f"calls={calls}")
    command(*words)
    before = matches(out)
    for name in ("verdicts.parquet", "matches.parquet"):
        (out / name).unlink()
    assert command(*words, "--reparse").exit_code == 0
    assert matches(out) == before
    assert len(calls.read_text().splitlines()) == 18
    (out / "answers.jsonl").unlink()
    command(*words, "--reparse")
    assert {verdict.error for verdict in verdicts(out)} == {"model-error"}
    assert len(calls.read_text().splitlines()) == 18


def test_a_kill_repeats_no_call_that_was_answered(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    script, calls, out = tmp_path / "script.jsonl", tmp_path / "calls", tmp_path / "out"
    script.write_text(json.dumps({"contains": "f", "prefer": "longer", "seconds": 0.15}) + "\n")
    words = [
        sys.executable, "-m", "goutbench", "judge", *map(str, runs), "--dataset", str(dataset), "--model",
        f"scripted_judge/{script}", "--out", str(out), "-M", f"calls={calls}", "--connections", "2", "--json",
    ]  # fmt: skip
    started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not answered(out) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    kept, asked = answered(out), len(calls.read_text().splitlines())
    assert 0 < kept < 18
    with (out / "answers.jsonl").open("ab") as journal:
        journal.write(b'{"key": "cut sho')  # what a kill in the middle of a write leaves
    subprocess.run(words, check=True, capture_output=True)
    assert len(calls.read_text().splitlines()) - asked == 18 - kept
    assert answered(out) == 18
    assert len({json.loads(line)["key"] for line in (out / "answers.jsonl").read_text().splitlines()}) == 18
    assert {match.outcome for match in matches(out)} == {"win"}
    assert {verdict.choice for verdict in verdicts(out)} == {"b"}


def answered(out: Path) -> int:
    path = out / "answers.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_another_versions_journal_is_refused(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"key": "k", "words": 1}\n')
    with pytest.raises(StorageError, match=r"answers\.jsonl:1"):
        judge(*runs, dataset, tmp_path, [juror()], Options(), Server())


# ── items ────────────────────────────────────────────────────────────────────────────────────────


def test_a_functions_item_shows_its_code_and_its_tests_alone(make_run: MakeRun, dataset: Path) -> None:
    def focal(number: int) -> tuple[str, ...]:
        return (f"Double{number}",)

    a, b = make_run("a", lambda n: IDLE.format(n=n), focal), make_run("b", lambda n: GOOD.format(n=n), focal)
    items = read_items(a, b, dataset, Options()).items
    assert len(items) == 9
    assert items[0].reference.startswith("func TestDouble0(")
    assert "Double0 doubles" in items[0].code


def test_items_without_a_counterpart_are_counted(
    make_run: MakeRun, dataset: Path, runs: Runs, tmp_path: Path
) -> None:
    some = make_run("some", lambda n: "x", lambda n: () if n < 4 else ("Other",))
    paired = read_items(runs[0], some, dataset, Options())
    assert (len(paired.items), paired.only_a, paired.only_b) == (4, 5, 5)
    assert len(read_items(*runs, dataset, Options(limit=3)).items) == 3


def test_a_repaired_answer_is_no_first_answer(make_run: MakeRun, dataset: Path, runs: Runs) -> None:
    path = make_run("mended", lambda n: "first") / "candidates.parquet"
    rows = read_table(path).to_pylist()
    write_rows(path, [*rows, *(row | {"id": f"r{row['id']}", "round": 1, "code": "mended"} for row in rows)])
    items = read_items(runs[0], path.parent, dataset, Options()).items
    assert {each.text_b for each in items} == {"first"}


def test_candidates_that_pass_are_read_where_both_runs_were_executed(runs: Runs) -> None:
    assert read_passing(*runs) is None
    for run in runs:
        rows = [{"candidate_id": f"{run.name}{n}", "status": ("PASSED", "FLAKY")[n]} for n in range(2)]
        write_rows(run / "executions.parquet", rows)
    assert read_passing(*runs) == {"idle0", "good0"}


def test_folders_that_cannot_be_compared_are_refused(
    make_run: MakeRun, dataset: Path, runs: Runs, tmp_path: Path
) -> None:
    apart = make_run("apart", lambda n: "x", lambda n: ("Other",))
    for a, b, said in ((runs[0], tmp_path, "goutbench generate"), (runs[0], apart, "in common")):
        with pytest.raises(ConfigError, match=said):
            read_items(a, b, dataset, Options())
    assert isinstance(command(runs[0]).exception, ConfigError)


# ── audit ────────────────────────────────────────────────────────────────────────────────────────


def audited(dataset: Path, out: Path, rule: str, *more: object) -> Result:
    return command("--audit", "--dataset", dataset, "--model", f"scripted_judge/{rule}", "--out", out, *more)


@with_inspect
@pytest.mark.parametrize("name", ["default", "paper"])
def test_an_audit_passes_a_judge_that_looks(name: str, dataset: Path, tmp_path: Path) -> None:
    found = audited(dataset, tmp_path, "asserting", "--judge", name, "--audit-pairs", 2, "--json")
    assert found.exit_code == 0, found.output
    (card,) = json.loads(found.stdout).values()
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
def test_an_audit_finds_what_is_wrong_with_a_judge(
    rule: str, kinds: set[str], dataset: Path, tmp_path: Path
) -> None:
    found = audited(dataset, tmp_path, rule, "--audit-pairs", 2)
    assert isinstance(found.exception, GoutbenchError)
    assert "--despite-audit" in str(found.exception)
    (card,) = json.loads((tmp_path / "audit.json").read_text()).values()
    below = {kind for kind, row in card["kinds"].items() if row["right"]["rate"] < 0.75}
    assert below == (kinds or set(card["kinds"]))


@with_inspect
def test_a_failed_audit_stops_the_run_until_told_otherwise(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (*runs, "--dataset", dataset, "--model", "scripted_judge/longer", "--out", out)
    assert command(*words, "--audit", "--audit-pairs", 1).exit_code != 0
    assert not (out / "matches.parquet").exists()
    assert isinstance(command(*words).exception, GoutbenchError)
    assert command(*words, "--despite-audit").exit_code == 0
    assert len(matches(out)) == 9


def test_an_audit_of_another_template_says_nothing(tmp_path: Path) -> None:
    one = juror()
    other = Juror(one.judge.model_copy(update={"user": one.judge.user + "!"}), one.model)
    card = {"fingerprint": one.fingerprint, "passed": False}
    (tmp_path / "audit.json").write_text(json.dumps({one.label: card}))
    require_pass(tmp_path, [other])
    with pytest.raises(GoutbenchError, match="below the threshold"):
        require_pass(tmp_path, [one])


# ── labels ───────────────────────────────────────────────────────────────────────────────────────


def label(path: Path, choose: Callable[[dict[str, str]], str]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"label": choose(row)} for row in rows)


@with_inspect
def test_labels_come_back_as_agreement(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "labels.csv"
    words = (*runs, "--dataset", dataset, "--model", ASSERTING, "--out", out)
    command(*words)
    assert "6 of 9" in command(*words, "--export-labels", 6, file).output
    text = file.read_text(encoding="utf-8")
    assert "made/" not in text  # nobody sees which model wrote what
    assert ASSERTING not in text
    label(file, lambda row: "first" if "t.Error" in row["first"] else "Second ")
    other = tmp_path / "other.csv"
    other.write_text(text, encoding="utf-8")
    label(other, lambda row: "tie" if row["repository"] == "o/one" else "")
    found = command("--out", out, "--import-labels", file, "--import-labels", other, "--json")
    rows = json.loads(found.stdout)
    same = {Path(name.split(" and ")[1]).stem: each["same"] for name, each in rows["judges"].items()}
    assert (same["labels"]["count"], same["labels"]["of"]) == (6, 6)
    assert (same["other"]["count"], same["other"]["of"]) == (0, 2)  # two items of each repository
    assert rows["people"]["n"] == 2


def test_who_is_shown_first_is_the_same_on_every_machine() -> None:
    shown = [_order(f"item {number}") for number in range(8)]
    assert shown == ["ba", "ab", "ab", "ab", "ab", "ba", "ab", "ba"]


def test_a_wrong_label_is_named_with_its_row(runs: Runs, dataset: Path, tmp_path: Path) -> None:
    judge(*runs, dataset, tmp_path / "out", [juror()], Options(window=1), Server())
    file = tmp_path / "labels.csv"
    command(*runs, "--dataset", dataset, "--out", tmp_path / "out", "--export-labels", 3, file)
    label(file, lambda row: "A")
    found = command("--out", tmp_path / "out", "--import-labels", file)
    assert "item 1" in str(found.exception)


def test_no_cell_is_a_formula(make_run: MakeRun, runs: Runs, dataset: Path, tmp_path: Path) -> None:
    formula = make_run("formula", lambda n: '=HYPERLINK("http://x.example")')
    file = tmp_path / "labels.csv"
    command(runs[0], formula, "--dataset", dataset, "--export-labels", 9, file)
    with file.open(newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    assert not [cell for cell in cells if cell.startswith("=")]
