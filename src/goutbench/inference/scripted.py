"""Models without a network or randomness, for tests and rehearsals: `scripted/…` and `scripted_judge/…`.

A script is a file of JSON lines. The first line whose `contains` occurs in the last message of a prompt
replies to it. A line has `reply`, or `error`, and optionally `seconds` (the delay), `stop` (the stop
reason) and `tokens` (of the reply, instead of the number of its words). A line for a judge may have
`prefer` with a rule, instead of `reply`.

- `scripted/FILE.jsonl` replies from a script, `scripted/echo` with an empty test in the package of the
  prompt; a prompt that no line matches gets that test, too.
- `scripted_judge/RULE` prefers a candidate by a rule of RULES, `scripted_judge/FILE.jsonl` replies from a
  script; for a prompt that no line matches the verdict is a tie.
"""

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage
from inspect_ai.tool import ToolChoice, ToolInfo

from goutbench.errors import ConfigError

ECHO = "echo"
Line = dict[str, Any]
_PACKAGE = re.compile(r"^package (\w+)", re.MULTILINE)
_CANDIDATE = re.compile(r"-----BEGIN CANDIDATE (\w+)-----\n(.*?)\n-----END CANDIDATE \1-----", re.DOTALL)
_ASSERTION = re.compile(r"\b[a-z]\w*\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TIE_LABEL = re.compile(r"^(\w+) means that neither", re.MULTILINE)
_SCORES = {"first": (8, 3), "second": (3, 8), "tie": (5, 5)}


class _ScriptedModel(ModelAPI):
    """Replies from the lines of a script. `calls` is a file that receives one line for each reply."""

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
        self._lines = self.script(model_name)
        self._calls = Path(calls) if calls else None

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        import anyio

        prompt = input[-1].text
        line = next((line for line in self._lines if str(line.get("contains", "")) in prompt), {})
        if line.get("seconds"):
            await anyio.sleep(float(line["seconds"]))
        reply = "" if "error" in line else str(line["reply"]) if "reply" in line else self.reply(prompt, line)
        if self._calls is not None:
            with self._calls.open("a", encoding="utf-8") as log:
                log.write(json.dumps(prompt) + "\n")
        if "error" in line:
            raise RuntimeError(str(line["error"]))
        output = ModelOutput.from_content(self.model_name, reply, line.get("stop", "stop"))
        read = len(" ".join(message.text for message in input).split())
        written = int(line.get("tokens", len(reply.split())))
        output.usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return output

    @abstractmethod
    def script(self, name: str) -> list[Line]:
        """The lines of the script of this name. Raises ConfigError."""

    @abstractmethod
    def reply(self, prompt: str, line: Line) -> str:
        """The reply to a prompt whose line has no reply of its own."""


class ScriptedWriter(_ScriptedModel):
    """The model `scripted/NAME`, which writes tests."""

    def script(self, name: str) -> list[Line]:
        return [] if name == ECHO else list(_read(Path(name), f"give a file of JSON lines, or `{ECHO}`"))

    def reply(self, prompt: str, line: Line) -> str:
        packages = _PACKAGE.findall(prompt)
        package = packages[-1] if packages else "main"
        return f'```go\npackage {package}\n\nimport "testing"\n\nfunc TestNothing(t *testing.T) {{}}\n```\n'


class ScriptedJudge(_ScriptedModel):
    """The model `scripted_judge/NAME`, which compares two candidates in the form that the prompt requests."""

    def script(self, name: str) -> list[Line]:
        if name in RULES:
            return [{"prefer": name}]
        return list(_read(Path(name), f"give a file of JSON lines, or one of: {', '.join(RULES)}"))

    def reply(self, prompt: str, line: Line) -> str:
        (first, first_text), (second, second_text) = _CANDIDATE.findall(prompt)
        position = RULES[line.get("prefer", "tie")](first_text, second_text)
        rationale, tie = f"By rule: {position}.", _TIE_LABEL.search(prompt)
        if tie is not None:
            label = {"first": first, "second": second, "tie": tie.group(1)}[position]
            return json.dumps({"rationale": rationale, "winner": label})
        scores = zip((first, second), _SCORES[position], strict=True)
        rows = [{"candidate": label, "score": score} for label, score in scores]
        return json.dumps({"rationale": rationale, "scores": rows})


def _larger(first: float, second: float) -> str:
    return "tie" if first == second else "first" if first > second else "second"


def _more_assertions(first: str, second: str) -> str:
    """The text that parses, else the one with more calls that can fail a test."""
    from goutbench.golang.syntax.parser import parse

    broken = [bool(parse(text.encode()).errors) for text in (first, second)]
    if broken[0] != broken[1]:
        return "second" if broken[0] else "first"
    return _larger(*(len(_ASSERTION.findall(_COMMENT.sub("", text))) for text in (first, second)))


RULES: dict[str, Callable[[str, str], str]] = {
    "first": lambda first, second: "first",
    "second": lambda first, second: "second",
    "tie": lambda first, second: "tie",
    "longer": lambda first, second: _larger(len(first), len(second)),
    "shorter": lambda first, second: _larger(len(second), len(first)),
    "asserting": _more_assertions,
}
"""From the two texts, in the order of the prompt, to "first", "second" or "tie"."""


def _read(path: Path, hint: str) -> Iterator[Line]:
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
        lines = [json.loads(text) for text in texts if text.strip()]
    except (OSError, ValueError) as error:
        raise ConfigError(f"not a script: {error}", where=str(path), hint=hint) from None
    for number, line in enumerate(lines, 1):
        if not {"reply", "error"} & set(line) and line.get("prefer") not in RULES:
            raise ConfigError("the line has no `reply`, `error` or `prefer`", where=f"{path}:{number}")
        yield line
