"""Putting prompts to a model by Inspect: every one gets a completion, or the record of why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.config import Price
from goutbench.generate.journal import Journal
from goutbench.generate.options import Options
from goutbench.generate.task import Failures, failure, key_of, make_task
from goutbench.inference.models import talking_aside
from goutbench.records import Completion, Prompt

if TYPE_CHECKING:
    from inspect_ai.model import Model

Answers = dict[tuple[str, int], Completion]
"""Completions by prompt and sample."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asked, how, and where the answers are kept; `logs` is the folder of Inspect's logs."""

    model: "Model"
    options: Options
    done: Journal
    logs: Path
    price: Price | None = None
    display: str = "none"

    @property
    def name(self) -> str:
        """The model as records name it."""
        return str(self.model)

    def ask(self, prompts: Sequence[Prompt], *, samples: int) -> Answers:
        """Every prompt `samples` times; what the journal has is not asked again."""
        from inspect_ai import eval as run_tasks

        fits = [prompt for prompt in prompts if fits_window(prompt, self.options)]
        failed: Failures = {}
        if fits:
            with talking_aside():
                run_tasks(
                    make_task(fits, replace(self.options, samples=samples), self.done, failed),
                    model=self.model,
                    log_dir=str(self.logs),
                    display=self.display,  # type: ignore[arg-type]
                    score=False,
                    log_samples=True,
                    fail_on_error=False,
                )
        return {
            (prompt.id, number): failed.get((prompt.id, number)) or self._settled(prompt, number)
            for prompt in prompts
            for number in range(samples)
        }

    def _settled(self, prompt: Prompt, number: int) -> Completion:
        """A prompt's completion, or the record of why there is none."""
        most, window = self.options.max_tokens, self.options.window
        if not fits_window(prompt, self.options):
            detail = f"{prompt.tokens} tokens and {most} to come, in a window of {window}"
            return failure(prompt, self.name, number, "context-overflow", detail)
        kept = self.done.find(key_of(prompt, self.name, self.options, number))
        if kept is None:
            detail = "no answer; the same command asks again"
            return failure(prompt, self.name, number, "model-error", detail)
        if self.price is None:
            return kept
        return replace(kept, cost=self.price.of(kept.input_tokens, kept.output_tokens))


def fits_window(prompt: Prompt, options: Options) -> bool:
    """Whether prompt and reply fit the model's window: an overflow is known before it is paid for."""
    return not options.window or prompt.tokens + options.max_tokens <= options.window
