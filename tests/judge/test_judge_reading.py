"""Judge folders, replies, outcomes, figures and families: everything that needs no model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from judging import GOOD, item, juror
from pydantic import ValidationError

from goutbench.errors import ConfigError
from goutbench.judge.asking import Labels, Request, key_of, messages, requests
from goutbench.judge.folder import Judge, Juror, load_judge, seat
from goutbench.judge.options import Options
from goutbench.judge.outcome import match_of, panel_match
from goutbench.judge.results.families import family, self_preference
from goutbench.judge.results.figures import agreement, figures
from goutbench.judge.verdict import Reading, Unreadable, no_verdict, read
from goutbench.records import Match, Verdict

LABELS = Labels("Q2W3R4T5", "Z9X8C7V6", "B5N6M7K8", "L4K3J2H7")
SAYS = '{"rationale": "Why.", "winner": "Z9X8C7V6"}'
SCORED = {
    "rationale": "Why.",
    "scores": [{"candidate": "Z9X8C7V6", "score": 7}, {"candidate": "Q2W3R4T5", "score": 6.5}],
}


# ── folders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["default", "paper"])
def test_shipped_judges_are_whole(name: str) -> None:
    judge = load_judge(name)
    assert judge.name == name
    assert judge.reply_schema is not None
    assert next(iter(judge.reply_schema["properties"])) == "rationale"  # reasons come before the verdict


def test_a_judge_is_a_folder_of_ones_own(tmp_path: Path) -> None:
    lines = ("name: mine", "version: 1", "mode: paper", "parser: scores", "model: x/y", "system: s")
    user = "user: $first $second $label_first $label_second"
    (tmp_path / "judge.yaml").write_text("\n".join([*lines, user]))
    assert seat(str(tmp_path), "").label == "mine=x/y"
    assert seat(str(tmp_path), "z/w").label == "mine=z/w"
    assert seat(f"{tmp_path}=u/v", "z/w").label == "mine=u/v"
    assert seat("u/v", "").label == "default=u/v"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"user": "$first $second"}, "lacks"),
        ({"user": "$first $second $label_first $label_second"}, "lacks .label_tie"),
        ({"user": "$frist $second"}, "there is no .frist"),
        ({"user": "100 $"}, "lone"),
        ({"parser": "guess"}, "parser"),
        ({"modle": "x"}, "modle"),
    ],
)
def test_a_wrong_folder_is_refused(change: dict[str, str], said: str) -> None:
    fields = load_judge("default").model_dump(by_alias=True) | change
    with pytest.raises(ValidationError, match=said):
        Judge.model_validate(fields)


def test_a_missing_judge_or_model_is_said() -> None:
    with pytest.raises(ConfigError, match="one of default, paper"):
        load_judge("nobody")
    with pytest.raises(ConfigError, match="no model"):
        seat("default", "")


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def test_both_orders_swap_the_candidates_and_nothing_else() -> None:
    ab, ba = requests([item("ONE", "TWO")], juror())
    there, back = (messages(each, LABELS)[1][1] for each in (ab, ba))
    assert there.replace("ONE", "?").replace("TWO", "ONE").replace("?", "TWO") == back
    assert (
        there.index("BEGIN CANDIDATE Q2W3R4T5") < there.index("ONE") < there.index("BEGIN CANDIDATE Z9X8C7V6")
    )


def test_the_paper_asks_once() -> None:
    (only,) = requests([item("one", "two")], juror("paper"))
    assert only.order == "ab"


def test_a_key_holds_all_that_is_sent_but_the_labels() -> None:
    base = Request(item("one", "two"), juror(), "ab")
    others = [
        (Request(item("one", "three"), juror(), "ab"), Options()),
        (Request(item("one", "two", reference="r"), juror(), "ab"), Options()),
        (Request(item("one", "two"), juror("paper"), "ab"), Options()),
        (Request(item("one", "two"), juror(model="x/y"), "ab"), Options()),
        (Request(item("one", "two"), juror(), "ba"), Options()),
        (base, Options(temperature=1.0)),
        (base, Options(revision="2")),
        (base, Options(schema=False)),
        (base, Options(max_tokens=7)),
    ]
    keys = {key_of(base, Options()), key_of(base, Options(window=5, limit=3))}
    assert len(keys) == 1
    assert len(keys | {key_of(*other) for other in others}) == 1 + len(others)


def test_two_orders_of_equal_candidates_are_two_calls() -> None:
    keys = {key_of(each, Options()) for each in requests([item("same", "same")], juror())}
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["default", "paper"])
def test_no_prompt_holds_a_finished_verdict(name: str) -> None:
    prompt = messages(Request(item(GOOD, GOOD), juror(name), "ab"), LABELS)[1][1]
    lines = prompt.split("\n")
    for end in range(1, len(lines) + 1):
        for start in (0, end - 2, end - 1):
            with pytest.raises(Unreadable):
                read(juror(name).judge.parser, "\n".join(lines[max(start, 0) : end]), LABELS)


# ── replies ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reply",
    [
        SAYS,
        f"\n {SAYS} \n",
        f"```json\n{SAYS}\n```",
        f"```\n{SAYS}\n```",
        json.dumps(json.loads(SAYS), indent=2),
        "Why.\nWINNER: Z9X8C7V6",
        "Why.\n\n  WINNER: Z9X8C7V6  \n",
    ],
)
def test_a_winner_is_read(reply: str) -> None:
    assert read("winner", reply, LABELS) == Reading("second", "Why.")


def test_a_tie_has_a_label_too() -> None:
    assert read("winner", "Same.\nWINNER: B5N6M7K8", LABELS).place == "tie"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Z9X8C7V6",
        f"The verdict: {SAYS}",
        f"{SAYS}\n{SAYS}",
        f"The verdict:\n```json\n{SAYS}\n```",
        f"```json\n{SAYS}\n```\nI think.",
        SAYS.replace("Z9X8C7V6", "z9x8c7v6"),
        SAYS.replace("Z9X8C7V6", "L4K3J2H7"),
        SAYS.replace('"rationale": "Why.", ', ""),
        SAYS.replace("}", ', "note": 1}'),
        SAYS.replace('"winner"', '"winner": "Q2W3R4T5", "winner"'),
        f"[{SAYS}]",
        "WINNER: Q2W3R4T5\nWINNER: Z9X8C7V6",
        "WINNER: Z9X8C7V6\nI think.",
        "WINNER: Z9X8C7V6 or so",
        "[" * 100_000,
    ],
)
def test_what_is_not_a_verdict_is_not_mended(reply: str) -> None:
    with pytest.raises(Unreadable):
        read("winner", reply, LABELS)


def test_scores_are_read_by_label_whatever_their_order() -> None:
    expected = Reading("second", "Why.", (6.5, 7.0))
    assert read("scores", json.dumps(SCORED), LABELS) == expected
    assert read("scores", "Why.\nSCORE Z9X8C7V6: 7\nSCORE Q2W3R4T5: 6.5", LABELS) == expected
    equal = json.dumps(SCORED).replace("6.5", "7.0")
    assert read("scores", equal, LABELS).place == "tie"


@pytest.mark.parametrize("score", ["11", "-1", '"7"', "true", "null", "NaN", "1e999", "Infinity"])
def test_a_score_is_a_number_on_the_scale(score: str) -> None:
    with pytest.raises(Unreadable):
        read("scores", json.dumps(SCORED).replace("6.5", score), LABELS)


@pytest.mark.parametrize(
    "rows", [[], SCORED["scores"][:1], [*SCORED["scores"], SCORED["scores"][0]], [1, 2], {}]
)
def test_scores_are_of_the_two_candidates(rows: object) -> None:
    with pytest.raises(Unreadable):
        read("scores", json.dumps({"rationale": "Why.", "scores": rows}), LABELS)


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────


def said(*choices: str) -> list[Verdict]:
    """Verdicts in the orders ab and ba; a word that is no choice is an error."""
    made = []
    for order, choice in zip(("ab", "ba"), choices, strict=False):
        request = Request(item("x", "y"), juror(), order)
        verdict = no_verdict(request, Options(), "" if choice in ("a", "b", "tie") else choice, "")
        made.append(replace(verdict, choice="" if verdict.error else choice))
    return made


@pytest.mark.parametrize(
    ("choices", "outcome"),
    [
        (("b", "b"), "win"),
        (("a", "a"), "loss"),
        (("tie", "tie"), "tie"),
        (("a", "b"), "flip"),
        (("b", "a"), "flip"),
        (("b", "tie"), "flip"),
        (("b", "unreadable"), "error"),
        (("injected", "model-error"), "error"),
        (("b",), "win"),
    ],
)
def test_two_orders_make_five_outcomes(choices: tuple[str, ...], outcome: str) -> None:
    assert match_of(item("x", "y"), juror(), said(*choices)).outcome == outcome


def made_match(outcome: str, judge: str = "j", number: int = 0, repository: str = "o/r") -> Match:
    return Match(
        f"{judge}{number}", f"p{number}", repository, (), 0, "made/a", "made/b", f"a{number}",
        f"b{number}", judge, "both-orders", outcome, "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "panel"),
    [
        ("win win loss", "win"),
        ("win loss loss", "loss"),
        ("tie tie win", "tie"),
        ("win win error flip", "flip"),  # half of all is no majority: who abstains still counts
        ("win win win flip", "win"),
        ("win loss tie", "flip"),
        ("error error win", "error"),
        ("win loss", "flip"),
    ],
)
def test_a_panel_needs_more_than_half_of_all(outcomes: str, panel: str) -> None:
    found = panel_match(item("x", "y"), [made_match(outcome) for outcome in outcomes.split()])
    assert (found.outcome, found.judge, found.mode) == (panel, "panel", "panel")


# ── figures ──────────────────────────────────────────────────────────────────────────────────────


def many(judge: str, outcomes: Sequence[str]) -> list[Match]:
    return [made_match(outcome, judge, n, f"o/r{n % 4}") for n, outcome in enumerate(outcomes)]


def test_figures_count_flips_and_errors_in_every_denominator() -> None:
    outcomes = ["win"] * 6 + ["loss"] * 2 + ["tie"] * 4 + ["flip"] * 3 + ["error"] * 5
    matches = many("j", outcomes)
    items = [item("x" * 10, "y" * 10)]
    sized = [replace(match, candidate_a="ca", candidate_b="cb") for match in matches]
    found = figures(items, [], sized, [juror()])["judges"]["j"]
    assert found["outcomes"]["win"]["rate"] == 6 / 20
    assert found["adjusted"]["rate"] == pytest.approx(8 / 20)
    assert found["bounds"] == {"win rate": [6 / 20, 11 / 20], "adjusted": [8 / 20, 13 / 20]}
    assert sum(row["n"] for row in found["by repository"].values()) == 20
    assert found["length"]["longer preferred"] is None  # equal lengths say nothing
    assert found["length"]["controlled"] == pytest.approx(found["length"]["raw"], abs=1e-3)


def test_items_whose_candidates_both_pass_stand_beside_all() -> None:
    matches = many("j", ["win", "loss", "win", "error"])
    sized = [replace(match, candidate_a="ca", candidate_b=f"cb{n}") for n, match in enumerate(matches)]
    items = [replace(item("x", "y"), candidate_b=f"cb{n}") for n in range(4)]
    found = figures(items, [], sized, [juror()], {"ca", "cb0", "cb1", "cb3"})["judges"]["j"][
        "where both pass"
    ]
    assert (found["n"], found["win"]["count"], found["error"]["count"]) == (3, 1, 1)
    assert figures(items, [], sized, [juror()])["judges"]["j"]["where both pass"] is None


def test_length_bias_shows_for_wins_and_losses() -> None:
    sizes = [("xx", "yyyy"), ("xxxx", "yy"), ("xxxx", "yy"), ("x", "y")]
    items = [replace(item(a, b), candidate_a=f"a{n}", candidate_b=f"b{n}") for n, (a, b) in enumerate(sizes)]
    found = figures(items, [], many("j", ["win", "loss", "loss", "win"]), [juror()])["judges"]["j"]["length"]
    assert (found["longer preferred"]["count"], found["longer preferred"]["of"]) == (3, 3)
    assert 0 < found["controlled"] < 1


def test_position_bias_shows() -> None:
    verdicts = said("a", "b") * 10
    matches = [replace(made_match("flip", juror().label), candidate_a="ca", candidate_b="cb")]
    found = figures([item("x", "y")], verdicts, matches, [juror()])["judges"][juror().label]["position"]
    assert found["first preferred"]["rate"] == 1.0
    assert found["p"] < 1e-5


def test_agreement_leaves_errors_out() -> None:
    one = many("one", ["win", "loss", "win", "loss", "error"])
    two = many("two", ["win", "loss", "win", "win", "win"])
    found = agreement([*one, *two], ["one", "two"])
    assert found is not None
    kappa = found["Cohen's κ"]["one and two"]
    assert (kappa["n"], kappa["same"]["count"]) == (4, 3)
    assert kappa["κ"] == pytest.approx(0.5)
    assert found["Krippendorff's α"] == pytest.approx(1 - (2 / 8) / (2 * 5 * 3 / 8 / 7))
    assert agreement(one, ["one"]) is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-4o-mini", "openai"),
        ("openai-api/vllm/Qwen2.5-Coder-7B", "qwen"),
        ("hf/deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek"),
        ("hf/meta-llama/Llama-3.2-3B-Instruct", "llama"),
        ("anthropic/claude-x", "claude"),
        ("hf/local", ""),
    ],
)
def test_families_are_told_by_name(model: str, name: str) -> None:
    assert family(model) == name


def test_a_judge_of_the_same_family_is_warned_of() -> None:
    default = load_judge("default")
    warned = self_preference(
        [Juror(default, "openai/gpt-4o"), Juror(default, "x/y")], ["azureai/gpt-4o-mini", "hf/llama", "x/y"]
    )
    assert len(warned) == 2
    assert "family" in warned[0]
    assert "itself" in warned[1]
    assert self_preference([Juror(default, "openai/gpt-4o"), Juror(default, "x/y")], ["hf/local"]) == []
