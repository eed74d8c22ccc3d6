"""The tasks of a dataset: prompts, each with what the reward of a reply needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goutbench.generate.items import read_items
from goutbench.generate.options import GenerateOptions


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt for tests of some functions of a pair's focal file; no `focal`: of all.

    `id` is the prompt's, `messages` are (role, content).
    """

    id: str
    pair_id: str
    focal: tuple[str, ...]
    messages: tuple[tuple[str, str], ...]

    def conversation(self) -> list[dict[str, str]]:
        """The prompt as the messages of a chat."""
        return [{"role": role, "content": content} for role, content in self.messages]

    def row(self) -> dict[str, Any]:
        """A row of a training set for TRL, with the columns that the reward functions read."""
        return {"prompt": self.conversation(), "pair_id": self.pair_id, "focal": list(self.focal)}


def read_tasks(dataset: Path, options: GenerateOptions | None = None) -> list[Task]:
    """The tasks that the options select, by default one for each function; `samples` and `mode` are not used.

    Raises ConfigError for an option that matches nothing, DatasetError.
    """
    items = read_items(dataset, options or GenerateOptions(unit="function"))
    prompts = [(item, prompt) for item in items for prompt in item.prompts]
    return [Task(prompt.id, item.pair.id, item.focal, prompt.messages) for item, prompt in prompts]
