"""A model for tests and replays: `scripted/FILE.jsonl` answers from a file, `scripted/echo` by a rule.

A line of the file has `reply` (or `error`), and optionally `contains`: it answers the prompts whose last
message contains that text; the first line that fits answers. `seconds` makes it wait, and `tokens` is what
it says the reply had, instead of its words. Without a fitting line the rule `echo` answers: one empty test in
the package of the code that it was shown.
"""

import json
import re
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage
from inspect_ai.tool import ToolChoice, ToolInfo

from goutbench.errors import ConfigError

ECHO = "echo"
_PACKAGE = re.compile(r"^package (\w+)", re.MULTILINE)


class ScriptedAPI(ModelAPI):
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
        self._lines = [] if model_name == ECHO else _read(Path(model_name))
        self._calls = Path(calls) if calls else None

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        import anyio

        asked = input[-1].text
        line = next((each for each in self._lines if str(each.get("contains", "")) in asked), None)
        if line is None:
            line = {"reply": _echo(asked)}
        if line.get("seconds"):
            await anyio.sleep(float(line["seconds"]))
        if self._calls is not None:
            with self._calls.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asked[-200:]) + "\n")
        if "error" in line:
            raise RuntimeError(str(line["error"]))
        output = ModelOutput.from_content(self.model_name, str(line["reply"]), line.get("stop", "stop"))
        read = len(" ".join(message.text for message in input).split())
        written = int(line.get("tokens", len(str(line["reply"]).split())))
        output.usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return output


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise ConfigError(f"no script: {error}", where=str(path), hint="give JSON lines, or `echo`") from None
    bad = next((at for at, line in enumerate(found, 1) if not {"reply", "error"} & set(line)), None)
    if bad is not None:
        raise ConfigError("neither `reply` nor `error`", where=f"{path}:{bad}")
    return found


def _echo(asked: str) -> str:
    """The least that passes: an empty test."""
    names = _PACKAGE.findall(asked)
    package = names[-1] if names else "main"
    return f'```go\npackage {package}\n\nimport "testing"\n\nfunc TestNothing(t *testing.T) {{}}\n```\n'
