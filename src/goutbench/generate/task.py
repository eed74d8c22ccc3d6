"""The Inspect task: a sample for each call, a solver that never makes the same call twice."""

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from goutbench.generate.journal import Journal, request_key
from goutbench.generate.options import Options
from goutbench.records import Completion, Prompt, short_hash

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import ChatMessage, Model, ModelOutput
    from inspect_ai.solver import Solver

_KEPT = ("max_tokens", "model_length")  # the reply met a limit: it is kept, and said to be cut


_asking: ContextVar[tuple[Prompt, int, int, str] | None] = ContextVar("asking", default=None)
"""The call that the current task is making: prompt, sample, tokens at most, and its key."""

Failures = dict[tuple[str, int], Completion]
"""What came of calls that gave nothing to keep, by prompt and sample: never written to a journal."""


def make_task(
    prompts: Sequence[Prompt], options: Options, done: Journal | None, failed: Failures | None = None
) -> "Task":
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
        solver=write_tests(asked, options, done, failed if failed is not None else {}),
        config=config,
        name="unit_tests",
    )


def chat(messages: Sequence[tuple[str, str]]) -> "list[ChatMessage]":
    """Messages as Inspect's."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[role](content=content) for role, content in messages]


def write_tests(
    prompts: Mapping[str, Prompt], options: Options, done: Journal | None, failed: Failures
) -> "Solver":
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
                asked = _asking.set((prompt, number, options.max_tokens, key))
                try:
                    found = await _ask(model, prompt, options, number)
                finally:
                    _asking.reset(asked)
                found = _kept(done, key, found)
                if found.error.endswith("error"):
                    failed[prompt.id, number] = found
            state.metadata["completion"] = found.id
            state.store.set("completion", found)
            state.output.completion = found.text
            return state

        return solve

    return build()


def _kept(done: Journal | None, key: str, found: Completion) -> Completion:
    """The completion as the journal has it; errors are not kept."""
    if done is None or found.error.endswith("error"):
        return found
    earlier = done.find(key)
    if earlier is None:
        done.add(key, found)
    return earlier or found


def keep_at_once(model: "Model", done: Journal) -> None:
    """Have the model's answers written down before Inspect does anything with them: a kill then loses none
    that came."""
    ask = model.api.generate

    async def generate(*arguments: Any, **named: Any) -> Any:
        start = time.monotonic()
        result = await ask(*arguments, **named)
        output = result[0] if isinstance(result, tuple) else result
        asked = _asking.get()
        if asked is not None and not isinstance(output, Exception):
            prompt, number, most, key = asked
            _kept(done, key, _completion(prompt, model, number, most, output, time.monotonic() - start))
        return result

    model.api.generate = generate  # type: ignore[method-assign]


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
    return _completion(prompt, model, number, options.max_tokens, output, time.monotonic() - start)


def words(error: BaseException) -> str:
    """An error in one short line: its cause where it has one, as Inspect's own words repeat the request.

    What the server said is in the error's `body`, which the client's words may leave out.
    """
    first = error.__cause__ or error
    text = " ".join(str(first).split())
    body = getattr(first, "body", None)
    said = body.get("message") or body.get("detail") if isinstance(body, Mapping) else body
    if said and str(said) not in text:
        text = f"{text}: {' '.join(str(said).split())}"
    return (f"{type(first).__name__}: {text}" if text else type(first).__name__)[:300]


def failure(
    prompt: Prompt, model: str, number: int, error: str, detail: str, seconds: float = 0.0
) -> Completion:
    """A completion that is none, and why."""
    key = short_hash(prompt.id, model, str(number), error)
    return Completion(
        key, prompt.id, prompt.pair_id, model, number, 0, "", "", error, detail, 0, 0, seconds, None
    )


def _completion(
    prompt: Prompt, model: "Model", number: int, most: int, output: "ModelOutput", seconds: float
) -> Completion:
    name = str(model)
    stop = str(output.stop_reason) if output.choices else ""
    if output.error or not output.choices:
        detail = output.error or "the server gave no choice"
        return failure(prompt, name, number, "model-error", detail[:300], seconds)
    usage = output.usage
    if stop == "model_length" and not (usage and usage.output_tokens):
        # Inspect hands the words of a server that refuses the prompt on as if they were a reply
        return failure(prompt, name, number, "context-overflow", output.completion[:300], seconds)
    written = _tokens_of(model, output)
    if stop == "unknown" and usage and usage.output_tokens >= most and written >= most - most // 32 - 1:
        stop = "max_tokens"  # transformers does not say why it stopped
    return Completion(
        id=short_hash(prompt.id, name, str(number), output.completion),
        prompt_id=prompt.id,
        pair_id=prompt.pair_id,
        model=name,
        sample=number,
        round=0,
        text=output.completion,
        stop=stop,
        error="truncated" if stop in _KEPT else "" if output.completion.strip() else "empty",
        detail="",
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=written,
        seconds=round(output.time or seconds, 3),
        cost=None,
    )


def _tokens_of(model: "Model", output: "ModelOutput") -> int:
    """The tokens of a reply. Of a local model Inspect gives those of the longest reply of the batch, so they
    are counted anew; a few may be missing where the model wrote a text in other tokens than its tokenizer."""
    given = output.usage.output_tokens if output.usage else 0
    tokenizer = getattr(model.api, "tokenizer", None)
    if not callable(tokenizer):
        return given
    return min(given, len(tokenizer(output.completion, add_special_tokens=False)["input_ids"]))
