"""Asks a model for the completions of prompts: each prompt gets a completion, or the record of why not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from goutbench.config import Price
from goutbench.dataset.journal import Journal, request_key
from goutbench.dataset.json_lines import clean_text
from goutbench.errors import without_credentials
from goutbench.generate.options import GenerateOptions
from goutbench.inference.batch.replay import BatchConnection
from goutbench.inference.calls import (
    OVERFLOW,
    Call,
    CallTask,
    Connection,
    Failure,
    answer_calls,
)
from goutbench.records import MODEL_ERROR, TRUNCATED, Completion, Prompt, short_hash

if TYPE_CHECKING:
    from inspect_ai.model import Model, ModelOutput

NAME = "unit_tests"
JOURNAL = "completions.jsonl"
_LENGTH_STOPS = ("max_tokens", "model_length")

Completions = dict[tuple[str, int], Completion]
"""Completions by the id of the prompt and the number of the sample."""


@dataclass(frozen=True, slots=True)
class Completer:
    """A model with its settings, and the journal of its completions."""

    connection: Connection | BatchConnection
    options: GenerateOptions
    journal: Journal[Completion]
    price: Price | None = None

    @property
    def model(self) -> str:
        """The name of the model in records."""
        return str(self.connection.model)

    def complete(self, prompts: Sequence[Prompt], samples: int) -> Completions:
        """The completions of each prompt, `samples` of them; a journalled one is not requested again."""
        return self.complete_samples([(prompt, sample) for prompt in prompts for sample in range(samples)])

    def complete_samples(self, numbered: Sequence[tuple[Prompt, int]]) -> Completions:
        """One completion for each prompt with the number of a sample."""
        task, options = completion_task(self.options), self.options
        calls = [completion_call(prompt, self.model, options, sample) for prompt, sample in numbered]
        results = answer_calls(
            calls,
            self.journal,
            options.window,
            lambda pending: self.connection.ask(task, pending, self.journal),
        )
        return {
            (prompt.id, sample): self._record(prompt, sample, results[call.id])
            for (prompt, sample), call in zip(numbered, calls, strict=True)
        }

    def _record(self, prompt: Prompt, sample: int, result: Completion | Failure) -> Completion:
        if isinstance(result, Failure):
            return _no_completion(prompt, self.model, sample, result)
        if self.price is None:
            return result
        return replace(result, cost=self.price.of(result.input_tokens, result.output_tokens))


def open_journal(out: Path) -> Journal[Completion]:
    """The completions that a run folder already holds, feedback rounds included."""
    return Journal(out / JOURNAL, Completion)


def completion_task(options: GenerateOptions) -> CallTask[Completion]:
    """The Inspect task `goutbench/unit_tests`."""
    from inspect_ai.model import GenerateConfig

    config = GenerateConfig(max_tokens=options.max_tokens, temperature=options.temperature)
    return CallTask(NAME, config, Completion)


def completion_call(prompt: Prompt, model: str, options: GenerateOptions, sample: int) -> Call[Completion]:
    """The call for one sample of a prompt; whatever changes the reply changes its key."""

    key = request_key(
        messages=prompt.messages,
        template=prompt.template_hash,
        model=model,
        revision=options.revision,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        sample=sample,
        round=0,
    )
    return Call(
        id=f"{prompt.id}-{sample}",
        key=key,
        messages=prompt.messages,
        tokens=prompt.tokens,
        max_tokens=options.max_tokens,
        read=_CompletionReader(prompt, sample, options.max_tokens),
        metadata={"prompt": prompt.id, "sample": sample},
    )


@dataclass(frozen=True, slots=True)
class _CompletionReader:
    """Makes the completion of a call from the output of its model."""

    prompt: Prompt
    sample: int
    max_tokens: int

    def __call__(self, model: "Model", output: "ModelOutput", seconds: float) -> Completion | Failure:
        if output.error or not output.choices:
            detail = output.error or "the reply of the server has no choice"
            return Failure(MODEL_ERROR, without_credentials(detail)[:300], seconds)
        prompt, name, text = self.prompt, str(model), clean_text(output.completion)
        usage, stop = output.usage, str(output.stop_reason)
        if stop == "model_length" and not (usage and usage.output_tokens):
            # Inspect returns the message of a server that refuses the prompt as if it were a completion
            return _no_completion(prompt, name, self.sample, Failure(OVERFLOW, text[:300], seconds))
        output_tokens = self._count_tokens(model, text, usage.output_tokens if usage else 0)
        almost_max = self.max_tokens - self.max_tokens // 32 - 1  # counting again can miss a few tokens
        if stop == "unknown" and usage and usage.output_tokens >= self.max_tokens:
            stop = "max_tokens" if output_tokens >= almost_max else stop  # transformers gives no stop reason
        return Completion(
            id=short_hash(prompt.id, name, str(self.sample), text),
            prompt_id=prompt.id,
            pair_id=prompt.pair_id,
            model=name,
            sample=self.sample,
            round=0,
            text=text,
            stop=stop,
            error=TRUNCATED if stop in _LENGTH_STOPS else "" if text.strip() else "empty",
            detail="",
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=output_tokens,
            seconds=round(output.time or seconds, 3),
            cost=None,
        )

    def _count_tokens(self, model: "Model", text: str, reported: int) -> int:
        """The tokens of a completion, counted again for a local model.

        Inspect reports the longest completion of a local model's batch for all of them. Counting can miss a
        few tokens, where the model wrote a text in other tokens than its tokenizer would.
        """
        tokenizer = getattr(model.api, "tokenizer", None)
        if not callable(tokenizer):
            return reported
        return min(reported, len(tokenizer(text, add_special_tokens=False)["input_ids"]))


def _no_completion(prompt: Prompt, model: str, sample: int, failure: Failure) -> Completion:
    return Completion(
        id=short_hash(prompt.id, model, str(sample), failure.error),
        prompt_id=prompt.id,
        pair_id=prompt.pair_id,
        model=model,
        sample=sample,
        round=0,
        text="",
        stop="",
        error=failure.error,
        detail=failure.detail,
        input_tokens=0,
        output_tokens=0,
        seconds=failure.seconds,
        cost=None,
    )
