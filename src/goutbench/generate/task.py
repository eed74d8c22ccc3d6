"""The Inspect task: a sample for each call, a solver that never makes the same call twice."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from goutbench.generate.journal import Journal, request_key
from goutbench.generate.options import Options
from goutbench.records import Completion, Prompt, short_hash

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import ChatMessage, ModelOutput
    from inspect_ai.solver import Solver

_KEPT = ("max_tokens", "model_length")  # the reply met a limit: it is kept, and said to be cut


def make_task(prompts: Sequence[Prompt], options: Options, done: Journal | None) -> "Task":
    """The task `goutbench/unit_tests`: every prompt, `options.samples` times; a journal keeps the answers."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig

    samples = [
        Sample(
            input=chat(prompt.messages),
            id=f"{prompt.id}-{number}",
            metadata={"prompt": prompt.id, "sample": number},
        )
        for prompt in prompts
        for number in range(options.samples)
    ]
    config = GenerateConfig(max_tokens=options.max_tokens, temperature=options.temperature)
    asked = {prompt.id: prompt for prompt in prompts}
    return Task(
        dataset=MemoryDataset(samples, name="unit_tests"),
        solver=write_tests(asked, options, done),
        config=config,
        name="unit_tests",
    )


def chat(messages: Sequence[tuple[str, str]]) -> "list[ChatMessage]":
    """Messages as Inspect's."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[role](content=content) for role, content in messages]


def write_tests(prompts: Mapping[str, Prompt], options: Options, done: Journal | None) -> "Solver":
    """A solver that answers from the journal where it can, and else asks the model and writes that down.

    What the model's server answers at last, after Inspect's own retries, is a record: the sample ends well
    either way, so that one bad answer never stops a run.
    """
    from inspect_ai.model import get_model
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name="write_tests")
    def build() -> "Solver":
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            model = get_model()
            prompt, number = prompts[state.metadata["prompt"]], int(state.metadata["sample"])
            key = key_of(prompt, str(model), options, number)
            found = done.find(key) if done is not None else None
            if found is None:
                found = await _ask(model, prompt, options, number)
                if done is not None and not found.error.endswith("error"):
                    done.add(key, found)
            state.metadata["completion"] = found.id
            state.store.set("completion", found)
            state.output.completion = found.text
            return state

        return solve

    return build()


def key_of(prompt: Prompt, model: str, options: Options, number: int, turn: int = 0) -> str:
    """The identity of one call; a changed window or split does not change it, a changed setting does."""
    return request_key(
        messages=prompt.messages,
        template=prompt.template_hash,
        model=model,
        revision=options.revision,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        sample=number,
        round=turn,
    )


async def _ask(model: Any, prompt: Prompt, options: Options, number: int) -> Completion:
    start = time.monotonic()
    try:
        output = await model.generate(chat(prompt.messages))
    except Exception as error:
        seconds = time.monotonic() - start
        return failure(prompt, str(model), number, "model-error", words(error), seconds)
    return _completion(prompt, str(model), number, output, time.monotonic() - start)


def words(error: BaseException) -> str:
    """An error in one short line, without the addresses and keys that some libraries print."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {text}"[:300]


def failure(
    prompt: Prompt, model: str, number: int, error: str, detail: str, seconds: float = 0.0
) -> Completion:
    """A completion that is none, and why."""
    key = short_hash(prompt.id, model, str(number), error)
    return Completion(
        key, prompt.id, prompt.pair_id, model, number, 0, "", "", error, detail, 0, 0, seconds, None
    )


def _completion(prompt: Prompt, model: str, number: int, output: "ModelOutput", seconds: float) -> Completion:
    stop = str(output.stop_reason) if output.choices else ""
    if output.error or not output.choices:
        detail = output.error or "the server gave no choice"
        return failure(prompt, model, number, "model-error", detail[:300], seconds)
    if stop == "model_length" and not output.completion:
        return failure(prompt, model, number, "context-overflow", "said by the server", seconds)
    usage = output.usage
    return Completion(
        id=short_hash(prompt.id, model, str(number), output.completion),
        prompt_id=prompt.id,
        pair_id=prompt.pair_id,
        model=model,
        sample=number,
        round=0,
        text=output.completion,
        stop=stop,
        error="truncated" if stop in _KEPT else "" if output.completion.strip() else "empty",
        detail="",
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        seconds=round(output.time or seconds, 3),
        cost=None,
    )
