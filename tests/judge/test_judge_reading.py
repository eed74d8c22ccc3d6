"""Judge folders, replies, outcomes, figures and families: everything that needs no model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from judging import GOOD, make_comparison, make_judge
from pydantic import ValidationError

from goutbench.errors import ConfigError
from goutbench.inference.calls import Failure
from goutbench.judge.comparison import Comparison
from goutbench.judge.config import Judge, JudgeConfig, load_judge, parse_judge
from goutbench.judge.options import JudgeOptions
from goutbench.judge.outcome import match_of, panel_match
from goutbench.judge.requests import Labels, Request, requests
from goutbench.judge.results.families import family, self_preference_warnings
from goutbench.judge.results.figures import agreement, figures
from goutbench.judge.verdict import ParsedVerdict, UnreadableReply, no_verdict, parse_reply
from goutbench.records import Match, Verdict

LABELS = Labels("Q2W3R4T5", "Z9X8C7V6", "B5N6M7K8", "L4K3J2H7")
WINNER_REPLY = '{"rationale": "Why.", "winner": "Z9X8C7V6"}'
SCORES_REPLY = {
    "rationale": "Why.",
    "scores": [{"candidate": "Z9X8C7V6", "score": 7}, {"candidate": "Q2W3R4T5", "score": 6.5}],
}


# ── folders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["default", "paper"])
def test_built_in_judges_are_valid_and_ask_for_the_rationale_first(name: str) -> None:
    judge = load_judge(name)
    assert judge.name == name
    assert judge.reply_schema is not None
    assert next(iter(judge.reply_schema["properties"])) == "rationale"  # reasons come before the verdict


def test_a_judge_can_be_a_folder_a_name_or_a_model(tmp_path: Path) -> None:
    lines = ("name: mine", "version: 1", "mode: paper", "parser: scores", "model: x/y", "system: s")
    user = "user: $first $second $label_first $label_second"
    (tmp_path / "judge.yaml").write_text("\n".join([*lines, user]))
    assert parse_judge(str(tmp_path), "").label == "mine=x/y"
    assert parse_judge(str(tmp_path), "z/w").label == "mine=z/w"
    assert parse_judge(f"{tmp_path}=u/v", "z/w").label == "mine=u/v"
    assert parse_judge("u/v", "").label == "default=u/v"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": "$first $second"}, "missing"),
        ({"user": "$first $second $label_first $label_second"}, "missing .label_tie"),
        ({"user": "$frist $second"}, "unknown placeholder .frist"),
        ({"user": "100 $"}, "must start a placeholder"),
        ({"parser": "guess"}, "parser"),
        ({"modle": "x"}, "modle"),
    ],
)
def test_an_invalid_judge_yaml_is_rejected(change: dict[str, str], message: str) -> None:
    fields = load_judge("default").model_dump(by_alias=True) | change
    with pytest.raises(ValidationError, match=message):
        JudgeConfig.model_validate(fields)


def test_an_unknown_judge_or_a_missing_model_is_an_error() -> None:
    with pytest.raises(ConfigError, match="use one of default, paper"):
        load_judge("nobody")
    with pytest.raises(ConfigError, match="has no model"):
        parse_judge("default", "")


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def test_the_two_orders_differ_only_in_the_order_of_the_candidates() -> None:
    ab, ba = requests([make_comparison("ONE", "TWO")], make_judge())
    there, back = (request.messages(LABELS)[1][1] for request in (ab, ba))
    assert there.replace("ONE", "?").replace("TWO", "ONE").replace("?", "TWO") == back
    assert (
        there.index("BEGIN CANDIDATE Q2W3R4T5") < there.index("ONE") < there.index("BEGIN CANDIDATE Z9X8C7V6")
    )


def test_the_paper_mode_makes_one_call_per_comparison() -> None:
    (only,) = requests([make_comparison("one", "two")], make_judge("paper"))
    assert only.order == "ab"


def test_a_request_key_depends_on_everything_sent_except_the_labels() -> None:
    base = Request(make_comparison("one", "two"), make_judge(), "ab")
    changed = [
        (Request(make_comparison("one", "three"), make_judge(), "ab"), JudgeOptions()),
        (Request(make_comparison("one", "two", reference="r"), make_judge(), "ab"), JudgeOptions()),
        (Request(make_comparison("one", "two"), make_judge("paper"), "ab"), JudgeOptions()),
        (Request(make_comparison("one", "two"), make_judge(model="x/y"), "ab"), JudgeOptions()),
        (Request(make_comparison("one", "two"), make_judge(), "ba"), JudgeOptions()),
        (base, JudgeOptions(temperature=1.0)),
        (base, JudgeOptions(revision="2")),
        (base, JudgeOptions(schema=False)),
        (base, JudgeOptions(max_tokens=7)),
    ]
    keys = {base.key(JudgeOptions()), base.key(JudgeOptions(window=5, limit=3))}
    assert len(keys) == 1
    assert len(keys | {request.key(options) for request, options in changed}) == 1 + len(changed)


def test_both_orders_of_equal_candidates_have_different_keys() -> None:
    keys = {
        request.key(JudgeOptions()) for request in requests([make_comparison("same", "same")], make_judge())
    }
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["default", "paper"])
def test_no_prompt_contains_a_complete_verdict(name: str) -> None:
    prompt = Request(make_comparison(GOOD, GOOD), make_judge(name), "ab").messages(LABELS)[1][1]
    lines = prompt.split("\n")
    for end in range(1, len(lines) + 1):
        for start in (0, end - 2, end - 1):
            with pytest.raises(UnreadableReply):
                parse_reply(make_judge(name).config.parser, "\n".join(lines[max(start, 0) : end]), LABELS)


# ── replies ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reply",
    [
        WINNER_REPLY,
        f"\n {WINNER_REPLY} \n",
        f"```json\n{WINNER_REPLY}\n```",
        f"```\n{WINNER_REPLY}\n```",
        json.dumps(json.loads(WINNER_REPLY), indent=2),
        "Why.\nWINNER: Z9X8C7V6",
        "Why.\n\n  WINNER: Z9X8C7V6  \n",
    ],
)
def test_a_winner_is_parsed(reply: str) -> None:
    assert parse_reply("winner", reply, LABELS) == ParsedVerdict("second", "Why.")


def test_a_tie_is_parsed_by_its_label() -> None:
    assert parse_reply("winner", "Same.\nWINNER: B5N6M7K8", LABELS).position == "tie"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Z9X8C7V6",
        f"The verdict: {WINNER_REPLY}",
        f"{WINNER_REPLY}\n{WINNER_REPLY}",
        f"The verdict:\n```json\n{WINNER_REPLY}\n```",
        f"```json\n{WINNER_REPLY}\n```\nI think.",
        WINNER_REPLY.replace("Z9X8C7V6", "z9x8c7v6"),
        WINNER_REPLY.replace("Z9X8C7V6", "L4K3J2H7"),
        WINNER_REPLY.replace('"rationale": "Why.", ', ""),
        WINNER_REPLY.replace("}", ', "note": 1}'),
        WINNER_REPLY.replace('"winner"', '"winner": "Q2W3R4T5", "winner"'),
        f"[{WINNER_REPLY}]",
        "WINNER: Q2W3R4T5\nWINNER: Z9X8C7V6",
        "WINNER: Z9X8C7V6\nI think.",
        "WINNER: Z9X8C7V6 or so",
        "[" * 100_000,
    ],
)
def test_a_malformed_reply_is_unreadable(reply: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply("winner", reply, LABELS)


def test_scores_are_parsed_by_label_in_any_order() -> None:
    expected = ParsedVerdict("second", "Why.", (6.5, 7.0))
    assert parse_reply("scores", json.dumps(SCORES_REPLY), LABELS) == expected
    assert parse_reply("scores", "Why.\nSCORE Z9X8C7V6: 7\nSCORE Q2W3R4T5: 6.5", LABELS) == expected
    equal = json.dumps(SCORES_REPLY).replace("6.5", "7.0")
    assert parse_reply("scores", equal, LABELS).position == "tie"


@pytest.mark.parametrize("score", ["11", "-1", '"7"', "true", "null", "NaN", "1e999", "Infinity"])
def test_a_score_outside_the_scale_is_unreadable(score: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply("scores", json.dumps(SCORES_REPLY).replace("6.5", score), LABELS)


@pytest.mark.parametrize(
    "rows", [[], SCORES_REPLY["scores"][:1], [*SCORES_REPLY["scores"], SCORES_REPLY["scores"][0]], [1, 2], {}]
)
def test_every_candidate_must_have_one_score(rows: object) -> None:
    with pytest.raises(UnreadableReply):
        parse_reply("scores", json.dumps({"rationale": "Why.", "scores": rows}), LABELS)


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────


def verdicts_with(*choices: str, comparison: Comparison | None = None) -> list[Verdict]:
    """Verdicts in the orders ab and ba; what is not a choice is an error."""
    verdicts = []
    for order, choice in zip(("ab", "ba"), choices, strict=False):
        request = Request(comparison or make_comparison("x", "y"), make_judge(), order)
        error = "" if choice in ("a", "b", "tie") else choice
        verdict = no_verdict(request, Failure(error, ""), JudgeOptions())
        verdicts.append(replace(verdict, choice="" if error else choice))
    return verdicts


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
def test_the_outcome_follows_from_the_choices_in_both_orders(choices: tuple[str, ...], outcome: str) -> None:
    assert match_of(make_comparison("x", "y"), make_judge(), verdicts_with(*choices)).outcome == outcome


def make_match(
    outcome: str, judge: str = "j", number: int = 0, repository: str = "o/r", sample: int = 0
) -> Match:
    return Match(
        f"{judge}{number}-{sample}", f"p{number}", repository, (), sample, "made/a", "made/b", f"a{number}",
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
def test_a_panel_outcome_needs_a_majority_of_all_judges(outcomes: str, panel: str) -> None:
    match = panel_match(make_comparison("x", "y"), [make_match(outcome) for outcome in outcomes.split()])
    assert (match.outcome, match.judge, match.mode) == (panel, "panel", "panel")


# ── figures ──────────────────────────────────────────────────────────────────────────────────────


def many(judge: str, outcomes: Sequence[str]) -> list[Match]:
    return [make_match(outcome, judge, n, f"o/r{n % 4}") for n, outcome in enumerate(outcomes)]


def test_flips_and_errors_count_in_every_denominator() -> None:
    outcomes = ["win"] * 6 + ["loss"] * 2 + ["tie"] * 4 + ["flip"] * 3 + ["error"] * 5
    matches = many("j", outcomes)
    comparisons = [make_comparison("x" * 10, "y" * 10)]
    sized = [replace(match, candidate_a="ca", candidate_b="cb") for match in matches]
    own = figures(comparisons, [], sized, [make_judge()])["judges"]["j"]
    assert own["outcomes"]["win"]["rate"] == 6 / 20
    assert own["adjusted"]["rate"] == pytest.approx(8 / 20)
    assert own["bounds"] == {"win rate": [6 / 20, 11 / 20], "adjusted": [8 / 20, 13 / 20]}
    assert sum(row["n"] for row in own["by repository"].values()) == 20
    assert own["length"]["longer preferred"] is None  # equal lengths are no evidence
    assert own["length"]["controlled"] == pytest.approx(own["length"]["raw"], abs=1e-3)


def test_samples_of_an_item_do_not_count_as_items() -> None:
    """Five samples of each of 20 items: the same numbers as one sample with the mean of the five."""
    outcomes = ["win"] * 10 + ["loss"] * 6 + ["tie"] * 4
    once = many("j", outcomes)
    often = [replace(match, id=f"{match.id}{n}", sample=n) for match in once for n in range(5)]
    comparisons = [
        replace(make_comparison("x" * n, "y" * 20), candidate_a=f"a{n}", candidate_b=f"b{n}")
        for n in range(20)
    ]
    one, five = (figures(comparisons, [], m, [make_judge()])["judges"]["j"] for m in (once, often))
    assert (one.pop("matches"), five.pop("matches")) == (20, 100)
    # the weights of a regression depend on the processor in their last digits
    controlled = [numbers["length"].pop("controlled") for numbers in (one, five)]
    assert controlled[0] == pytest.approx(controlled[1], abs=1e-6)
    assert five == one
    assert (five["n"], five["outcomes"]["win"]["of"]) == (20, 20)


def test_the_samples_of_an_item_are_averaged() -> None:
    matches = [
        make_match(outcome, number=number, repository=f"o/r{number}", sample=sample)
        for number in range(4)
        for sample, outcome in enumerate(("win", "win", "loss", "tie"))
    ]
    sized = [replace(match, candidate_a="ca", candidate_b="cb") for match in matches]
    own = figures([make_comparison("x", "y")], [], sized, [make_judge()], {"ca", "cb"})["judges"]["j"]
    assert (own["outcomes"]["win"]["count"], own["outcomes"]["win"]["of"]) == (2, 4)
    assert own["outcomes"]["loss"]["rate"] == own["outcomes"]["tie"]["rate"] == 1 / 4
    assert own["adjusted"]["rate"] == 5 / 8
    assert own["sign test p"] == pytest.approx(2 * 0.5**4)  # each of the 4 items is a win on balance
    assert own["where both pass"]["n"] == 4
    assert own["by repository"]["o/r0"]["n"] == 1


def test_agreement_counts_items_and_not_samples() -> None:
    one, two = (
        [
            make_match(outcome, judge, number, sample=sample)
            for number, outcome in enumerate(outcomes)
            for sample in range(3)
        ]
        for judge, outcomes in (("one", ["win", "loss"]), ("two", ["win", "win"]))
    )
    kappa = agreement([*one, *two], ["one", "two"])
    assert kappa is not None
    assert kappa["Cohen's κ"]["one and two"]["n"] == 2
    assert (
        kappa["Cohen's κ"]["one and two"]["same"]["count"],
        kappa["Cohen's κ"]["one and two"]["same"]["of"],
    ) == (1, 2)


def test_figures_include_the_rates_where_both_candidates_pass() -> None:
    matches = many("j", ["win", "loss", "win", "error"])
    sized = [replace(match, candidate_a="ca", candidate_b=f"cb{n}") for n, match in enumerate(matches)]
    comparisons = [replace(make_comparison("x", "y"), candidate_b=f"cb{n}") for n in range(4)]
    passing = {"ca", "cb0", "cb1", "cb3"}
    both = figures(comparisons, [], sized, [make_judge()], passing)["judges"]["j"]["where both pass"]
    assert (both["n"], both["win"]["count"], both["error"]["count"]) == (3, 1, 1)
    assert figures(comparisons, [], sized, [make_judge()])["judges"]["j"]["where both pass"] is None


def test_length_bias_is_measured_on_wins_and_losses() -> None:
    sizes = [("xx", "yyyy"), ("xxxx", "yy"), ("xxxx", "yy"), ("x", "y")]
    comparisons = [
        replace(make_comparison(a, b), candidate_a=f"a{n}", candidate_b=f"b{n}")
        for n, (a, b) in enumerate(sizes)
    ]
    matches = many("j", ["win", "loss", "loss", "win"])
    length = figures(comparisons, [], matches, [make_judge()])["judges"]["j"]["length"]
    assert (length["longer preferred"]["count"], length["longer preferred"]["of"]) == (3, 3)
    assert 0 < length["controlled"] < 1


def test_position_bias_is_measured() -> None:
    comparisons = [
        replace(make_comparison("x", "y"), id=f"{number:016x}", pair_id=f"p{number}") for number in range(10)
    ]
    verdicts = [
        verdict for comparison in comparisons for verdict in verdicts_with("a", "b", comparison=comparison)
    ]
    matches = [match_of(comparison, make_judge(), []) for comparison in comparisons]
    position = figures(comparisons, verdicts, matches, [make_judge()])["judges"][make_judge().label][
        "position"
    ]
    assert position["first preferred"]["rate"] == 1.0
    assert position["p"] < 1e-5


def test_agreement_ignores_errors() -> None:
    one = many("one", ["win", "loss", "win", "loss", "error"])
    two = many("two", ["win", "loss", "win", "win", "win"])
    report = agreement([*one, *two], ["one", "two"])
    assert report is not None
    kappa = report["Cohen's κ"]["one and two"]
    assert (kappa["n"], kappa["same"]["count"]) == (4, 3)
    assert kappa["κ"] == pytest.approx(0.5)
    assert report["Krippendorff's α"] == pytest.approx(1 - (2 / 8) / (2 * 5 * 3 / 8 / 7))
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
def test_a_model_family_follows_from_the_name(model: str, name: str) -> None:
    assert family(model) == name


def test_a_judge_of_the_same_family_gives_a_warning() -> None:
    default = load_judge("default")
    warned = self_preference_warnings(
        [Judge(default, "openai/gpt-4o"), Judge(default, "x/y")], ["azureai/gpt-4o-mini", "hf/llama", "x/y"]
    )
    assert len(warned) == 2
    assert "family" in warned[0]
    assert "judges itself" in warned[1]
    judges = [Judge(default, "openai/gpt-4o"), Judge(default, "x/y")]
    assert self_preference_warnings(judges, ["hf/local"]) == []
