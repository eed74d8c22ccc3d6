"""A judge without a model, for tests, rehearsals and as a yardstick: `scripted_judge/RULE`.

A rule is "first", "second" or "tie"; "longer" or "shorter" (the candidate's text); "asserting" (the one
that Go's syntax lets pass, then the one with more failing calls of `testing.T`, else a tie); or a file of
JSON lines, each with a rule as `prefer`, or a `reply`, or an `error`, and optionally `contains`: it answers
the prompts with that text, the first line that fits. `seconds` makes it wait.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage
from inspect_ai.tool import ToolChoice, ToolInfo

from goutbench.errors import ConfigError

_SHOWN = re.compile(r"-----BEGIN CANDIDATE (\w+)-----\n(.*?)\n-----END CANDIDATE \1-----", re.DOTALL)
_FAILING = re.compile(r"\b[a-z]\w*\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TIE = re.compile(r"^(\w+) means that neither", re.MULTILINE)
_POINTS = {"first": (8, 3), "second": (3, 8), "tie": (5, 5)}


class ScriptedJudge(ModelAPI):
    """Answers without a network and without chance. `calls` is a file that gets a line for each answer."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's signature
        calls: str | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._lines = [{"prefer": model_name}] if model_name in RULES else _read(Path(model_name))
        self._calls = Path(calls) if calls else None

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        import anyio

        asked = input[-1].text
        line = next(
            (each for each in self._lines if str(each.get("contains", "")) in asked), {"prefer": "tie"}
        )
        await anyio.sleep(float(line.get("seconds", 0)))
        if "error" in line:
            self._note(asked)
            raise RuntimeError(str(line["error"]))
        reply = str(line["reply"]) if "reply" in line else _answer(asked, RULES[line["prefer"]])
        stop: Any = line.get("stop", "stop")
        output = ModelOutput.from_content(self.model_name, reply, stop)
        words = [len(text.split()) for text in (" ".join(m.text for m in input), reply)]
        output.usage = ModelUsage(input_tokens=words[0], output_tokens=words[1], total_tokens=sum(words))
        self._note(asked)  # at the last moment: what is noted has been answered
        return output

    def _note(self, asked: str) -> None:
        if self._calls is not None:
            with self._calls.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asked[:200]) + "\n")


def _answer(asked: str, rule: Callable[[str, str], str]) -> str:
    """The reply of a well-behaved judge that prefers by a rule, in the form that the prompt asks for."""
    (first, one), (second, two) = _SHOWN.findall(asked)
    place = rule(one, two)
    tie = _TIE.search(asked)
    if tie is not None:
        label = {"first": first, "second": second, "tie": tie.group(1)}[place]
        return json.dumps({"rationale": f"By rule: {place}.", "winner": label})
    scores = zip((first, second), _POINTS[place], strict=True)
    rows = [{"candidate": label, "score": score} for label, score in scores]
    return json.dumps({"rationale": f"By rule: {place}.", "scores": rows})


def _more(one: float, two: float) -> str:
    return "tie" if one == two else "first" if one > two else "second"


def _asserting(one: str, two: str) -> str:
    from goutbench.golang.syntax.file import parse

    broken = [bool(parse(text.encode()).errors) for text in (one, two)]
    if broken[0] != broken[1]:
        return "second" if broken[0] else "first"
    return _more(*(len(_FAILING.findall(_COMMENT.sub("", text))) for text in (one, two)))


RULES: dict[str, Callable[[str, str], str]] = {
    "first": lambda one, two: "first",
    "second": lambda one, two: "second",
    "tie": lambda one, two: "tie",
    "longer": lambda one, two: _more(len(one), len(two)),
    "shorter": lambda one, two: _more(len(two), len(one)),
    "asserting": _asserting,
}


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        hint = f"give JSON lines, or one of: {', '.join(RULES)}"
        raise ConfigError(f"no script: {error}", where=str(path), hint=hint) from None
    for number, line in enumerate(found, 1):
        if not {"reply", "error"} & set(line) and line.get("prefer") not in RULES:
            raise ConfigError(
                "neither `reply` nor `error`, nor a rule to `prefer` by", where=f"{path}:{number}"
            )
    return found
