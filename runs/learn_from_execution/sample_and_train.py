"""Samples replies and trains adapters on a GPU; needs only torch, transformers, peft and gguf.

    python sample_and_train.py PLAN --model GGUF --tokenizer DIR --data DIR --inbox DIR --facts DIR --out DIR

PLAN is a YAML file of steps. A `sample` step writes files of replies into the inbox; their names start with
their priority. `collect.py watch` executes them meanwhile and writes facts. A `harvest` step waits for
the facts and turns passing tests into training rows, a `verify` step selects human rows. A `train` step
trains an adapter on rows. An `answer` step waits for the prompts of the next round of conversations, which
`converse.py` writes to --asks, and samples one reply to each.
"""

import argparse
import copy
import json
import math
import os
import random
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

Row = dict[str, Any]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = torch.bfloat16 if DEVICE == "cuda" else torch.float32
STOP_TOKENS = (151645, 151643)
START = time.monotonic()


def log(*parts: object) -> None:
    print(f"{time.monotonic() - START:7.1f}", *parts, flush=True)


# ── weights ───────────────────────────────────────────────────────────────────────────────────────

_LAYER_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
_MODEL_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def load_gguf(path: Path) -> Qwen2ForCausalLM:
    """The model of a Qwen2 GGUF file; faster than transformers, which converts one tensor at a time."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(str(path))

    def convert(tensor: Any) -> tuple[str, Tensor]:
        return tensor.name, torch.from_numpy(dequantize(tensor.data, tensor.tensor_type))

    with ThreadPoolExecutor(8) as pool:
        tensors = pool.map(convert, reader.tensors)
        state = {transformers_name(name): tensor.to(DEVICE, DTYPE) for name, tensor in tensors}
    config = model_config(reader, state)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config)
    model.load_state_dict(state, assign=True, strict=True)
    model.train(False)
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(DEVICE)
    model.requires_grad_(False)
    return model


def model_config(reader: Any, state: dict[str, Tensor]) -> Qwen2Config:
    def field(name: str) -> Any:
        return reader.fields[f"qwen2.{name}"].contents()

    config = Qwen2Config(
        vocab_size=state["model.embed_tokens.weight"].shape[0],
        hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"),
        num_hidden_layers=field("block_count"),
        num_attention_heads=field("attention.head_count"),
        num_key_value_heads=field("attention.head_count_kv"),
        max_position_embeddings=field("context_length"),
        rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")},
        tie_word_embeddings="lm_head.weight" not in state,
        eos_token_id=STOP_TOKENS[0],
        pad_token_id=STOP_TOKENS[1],
        bos_token_id=STOP_TOKENS[1],
    )
    config._attn_implementation = "sdpa"
    return config


def transformers_name(name: str) -> str:
    """The name of a GGUF tensor in transformers."""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_LAYER_NAMES[parts[2]]}.{parts[3]}"
    return f"{_MODEL_NAMES[parts[0]]}.{parts[1]}"


class Layer(NamedTuple):
    """The weights of one layer; those that multiply the same input are concatenated."""

    attention_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor
    output: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor


def concatenate_weights(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    return Layer(
        layer.input_layernorm.weight,
        torch.cat([projection.weight for projection in projections]),
        torch.cat([projection.bias for projection in projections]),
        attention.o_proj.weight,
        layer.post_attention_layernorm.weight,
        torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
        mlp.down_proj.weight,
    )


# ── forward passes ────────────────────────────────────────────────────────────────────────────────


class CachedModel:
    """A Qwen2 model with one cache of keys and values, in which every reply in progress has a slot.

    A prompt begins at the start of its slot, so there is no padding before it. The query heads that share a
    key head are computed as several queries of that head, so each step reads the cache once.
    """

    def __init__(self, model: Qwen2ForCausalLM, *, slots: int, max_length: int) -> None:
        config: Any = model.config
        self.max_length, self.epsilon = max_length, config.rms_norm_eps
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.width = config.hidden_size // self.heads
        self.embedding: Tensor = model.model.embed_tokens.weight
        self.head: Tensor = model.lm_head.weight
        self.norm = model.model.norm.weight
        self.layers = [concatenate_weights(layer) for layer in model.model.layers]
        self.cosine, self.sine = rotary_tables(config, self.width, max_length)
        shape = (len(self.layers), slots, self.key_heads, max_length, self.width)
        self.keys = torch.zeros(shape, device=DEVICE, dtype=DTYPE)
        self.values = torch.zeros(shape, device=DEVICE, dtype=DTYPE)

    def prefill(self, prompts: Sequence[tuple[int, ...]], slots: Tensor) -> Tensor:
        """Compute each prompt into its slot, equal prompts once; returns the logits after each prompt."""
        slots_of: dict[tuple[int, ...], list[int]] = {}
        for prompt, slot in zip(prompts, slots.tolist(), strict=True):
            slots_of.setdefault(prompt, []).append(slot)
        distinct = list(slots_of)
        logits: dict[tuple[int, ...], Tensor] = {}
        for start in range(0, len(distinct), 32):
            batch = distinct[start : start + 32]
            last = self._forward(batch, [slots_of[prompt] for prompt in batch])
            logits |= dict(zip(batch, last @ self.head.T, strict=True))
        return torch.stack([logits[prompt] for prompt in prompts])

    def _forward(self, prompts: Sequence[Sequence[int]], slots: Sequence[Sequence[int]]) -> Tensor:
        """The hidden state of each prompt's last token; its keys and values are stored in all its slots."""
        length = max(map(len, prompts))
        ids = torch.tensor([[*prompt, *[0] * (length - len(prompt))] for prompt in prompts], device=DEVICE)
        source = torch.tensor([row for row, group in enumerate(slots) for _ in group], device=DEVICE)
        target = torch.tensor([slot for group in slots for slot in group], device=DEVICE)
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = F.embedding(ids, self.embedding)
        for number, layer in enumerate(self.layers):
            q, k, v = self._project(layer, x)
            q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
            self.keys[number][target, :, :length] = k[source]
            self.values[number][target, :, :length] = v[source]
            repeats = self.heads // self.key_heads
            attention = F.scaled_dot_product_attention(
                q, k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1), is_causal=True
            )
            x = self._finish_layer(layer, x, attention.transpose(1, 2).reshape(*ids.shape, -1))
        last = torch.tensor([len(prompt) - 1 for prompt in prompts], device=DEVICE)
        return self._normalise(x[torch.arange(len(prompts), device=DEVICE), last], self.norm)

    def step(self, token: Tensor, position: Tensor, length: int) -> Tensor:
        """The logits after one more token in each slot; `length` of the cache is read."""
        slots = len(token)
        every_slot = torch.arange(slots, device=DEVICE)
        cosine, sine = self.cosine[position][:, None, None], self.sine[position][:, None, None]
        mask = self._mask(position, length)
        x = F.embedding(token, self.embedding)[:, None]
        for number, layer in enumerate(self.layers):
            q, k, v = self._project(layer, x)
            q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
            keys, values = self.keys[number], self.values[number]
            keys[every_slot, :, position] = k[:, :, 0]
            values[every_slot, :, position] = v[:, :, 0]
            attention = F.scaled_dot_product_attention(
                q.reshape(slots, self.key_heads, -1, self.width),
                keys[:slots, :, :length], values[:slots, :, :length], attn_mask=mask,
            )  # fmt: skip
            x = self._finish_layer(layer, x, attention.reshape(slots, 1, -1))
        return self._normalise(x[:, 0], self.norm) @ self.head.T

    def _mask(self, position: Tensor, length: int) -> Tensor:
        visible = torch.arange(length, device=DEVICE)[None] <= position[:, None]
        mask = torch.zeros(len(position), 1, 1, length, device=DEVICE, dtype=DTYPE)
        mask = mask.masked_fill(~visible[:, None, None], float("-inf"))
        return mask.expand(-1, self.key_heads, self.heads // self.key_heads, -1)

    def _project(self, layer: Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self._normalise(x, layer.attention_norm)
        y = F.linear(y, layer.qkv, layer.qkv_bias).view(*x.shape[:2], -1, self.width).transpose(1, 2)
        return y[:, : self.heads], y[:, self.heads : -self.key_heads], y[:, -self.key_heads :]

    def _finish_layer(self, layer: Layer, x: Tensor, attention: Tensor) -> Tensor:
        x = x + F.linear(attention, layer.output)
        gate, up = F.linear(self._normalise(x, layer.mlp_norm), layer.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, layer.down)

    def _normalise(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], weight, self.epsilon)

    def compact(self, slots: Tensor, length: int) -> None:
        """Move these slots to the front of the cache."""
        length = min(length, self.max_length)
        for cache in (self.keys, self.values):
            for layer in cache:
                layer[: len(slots), :, :length] = layer[slots, :, :length]


def rotary_tables(config: Any, width: int, length: int) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, width, 2, device=DEVICE).float() / width
    speeds = config.rope_parameters["rope_theta"] ** -exponents
    angles = torch.arange(length, device=DEVICE).float()[:, None] * speeds
    angles = torch.cat([angles, angles], -1)
    return angles.cos().to(DTYPE), angles.sin().to(DTYPE)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


# ── sampling ──────────────────────────────────────────────────────────────────────────────────────


class Request(NamedTuple):
    """One reply to sample. Temperature 0 is greedy."""

    item: str
    sample: int
    prompt: tuple[int, ...]
    temperature: float


class Reply(NamedTuple):
    """The tokens of a reply; `ended` is false if it reached the limit."""

    request: Request
    tokens: list[int]
    ended: bool


class Slots:
    """The replies in progress. The tensors have one value for each slot."""

    def __init__(self, count: int, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.requests: list[Request | None] = [None] * count
        self.position = torch.zeros(count, dtype=torch.long, device=DEVICE)  # of the next token
        self.count = torch.zeros(count, dtype=torch.long, device=DEVICE)
        self.temperature = torch.zeros(count, device=DEVICE)
        self.token = torch.zeros(count, dtype=torch.long, device=DEVICE)
        self.tokens = torch.zeros(count, max_tokens, dtype=torch.long, device=DEVICE)
        self.active = torch.zeros(count, dtype=torch.bool, device=DEVICE)
        self.stops = torch.tensor(STOP_TOKENS, device=DEVICE)

    def free(self) -> list[int]:
        return [slot for slot, request in enumerate(self.requests) if request is None]

    def longest(self) -> int:
        """The highest position of an active slot."""
        return int(self.position.masked_fill(~self.active, 0).max())

    def start(self, requests: Sequence[Request], slots: Tensor) -> None:
        for slot, request in zip(slots.tolist(), requests, strict=True):
            self.requests[slot] = request
        self.position[slots] = torch.tensor([len(request.prompt) for request in requests], device=DEVICE)
        self.count[slots], self.active[slots] = 0, True
        self.temperature[slots] = torch.tensor([request.temperature for request in requests], device=DEVICE)

    def select(self, slots: Sequence[int]) -> Tensor:
        """Remove all other slots; returns the indices of these."""
        indices = torch.tensor(slots, device=DEVICE)
        self.requests = [self.requests[slot] for slot in slots]
        for name in ("position", "count", "temperature", "token", "tokens", "active"):
            setattr(self, name, getattr(self, name)[indices])
        return indices

    def store_token(self) -> None:
        """Append the current token to every active reply, and end the replies that are complete."""
        rows, columns = (
            torch.arange(len(self.requests), device=DEVICE),
            self.count.clamp(max=self.max_tokens - 1),
        )
        self.tokens[rows, columns] = torch.where(self.active, self.token, self.tokens[rows, columns])
        self.count += self.active
        self.active = self.active & ~torch.isin(self.token, self.stops) & (self.count < self.max_tokens)

    def pop_ended(self) -> Iterator[Reply]:
        ended = [
            slot for slot, active in enumerate(self.active.tolist()) if not active and self.requests[slot]
        ]
        tokens, counts = self.tokens[ended].tolist(), self.count[ended].tolist()
        for slot, ids, count in zip(ended, tokens, counts, strict=True):
            request, self.requests[slot] = self.requests[slot], None
            assert request is not None
            stopped = ids[count - 1] in STOP_TOKENS
            yield Reply(request, ids[: count - stopped], stopped)


class Sampler:
    """Samples many replies at once; free slots are refilled while others continue."""

    def __init__(self, model: Qwen2ForCausalLM, *, slots: int, max_length: int, seed: int) -> None:
        self.model = CachedModel(model, slots=slots, max_length=max_length)
        self.slot_count, self.max_length = slots, max_length
        self.random = torch.Generator(DEVICE).manual_seed(seed)

    @torch.inference_mode()
    def run(self, requests: Sequence[Request], *, max_tokens: int) -> Iterator[Reply]:
        """The replies, in the order in which they end."""
        # equal prompts are neighbours; short ones come first, so that each step reads little of the cache
        queue = deque(sorted(requests, key=lambda item: (len(item.prompt), item.item, item.sample)))
        slots = Slots(self.slot_count, max_tokens)
        while queue or any(slots.requests):
            free = slots.free()
            if queue and (len(free) >= max(1, len(slots.requests) // 8) or len(free) == len(slots.requests)):
                self._refill(slots, free, queue)
            elif not queue and len(free) > len(slots.requests) // 2 and len(slots.requests) > 64:
                busy = slots.select([slot for slot, request in enumerate(slots.requests) if request])
                self.model.compact(busy, slots.longest() + 1)
            self._steps(slots, 16)
            yield from slots.pop_ended()

    def _refill(self, slots: Slots, free: Sequence[int], queue: deque[Request]) -> None:
        requests = [queue.popleft() for _ in range(min(len(free), len(queue)))]
        indices = torch.tensor(free[: len(requests)], device=DEVICE)
        logits = self.model.prefill([request.prompt for request in requests], indices)
        slots.start(requests, indices)
        slots.token[indices] = self.choose(logits, slots.temperature[indices])

    def _steps(self, slots: Slots, count: int) -> None:
        length = slots.longest()
        for _ in range(count):
            slots.store_token()
            length += 1
            rounded = min(-(-length // 64) * 64, self.max_length)
            logits = self.model.step(slots.token, slots.position.clamp(max=self.max_length - 1), rounded)
            slots.position = slots.position + slots.active
            slots.token = torch.where(slots.active, self.choose(logits, slots.temperature), slots.token)

    def choose(self, logits: Tensor, temperature: Tensor) -> Tensor:
        """The most probable token at temperature 0, else a random one (Gumbel's method)."""
        logits = logits.float()
        noise = torch.empty_like(logits).exponential_(generator=self.random).clamp_(min=1e-20).log_()
        return (logits - noise * temperature[:, None]).argmax(-1)


# ── training ──────────────────────────────────────────────────────────────────────────────────────

Example = tuple[list[int], int]  # the ids of prompt and completion, and where the completion starts
_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Recipe(NamedTuple):
    """LoRA on all projections with AdamW and a cosine schedule; `batch_tokens` includes padding."""

    rank: int = 32
    alpha: int = 64
    learning_rate: float = 2e-4
    epochs: int = 3
    batch_tokens: int = 8_192
    max_length: int = 2_048


def train(model: Qwen2ForCausalLM, rows: Sequence[Example], recipe: Recipe, seed: int) -> tuple[Any, Row]:
    """Train a new adapter on the model; returns the model with it, and the notes of the run."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=_TARGETS)
    tuned = get_peft_model(model, config)
    rows = [row for row in rows if len(row[0]) <= recipe.max_length]
    batches = [
        batch
        for epoch in range(recipe.epochs)
        for batch in batches_of(rows, recipe.batch_tokens, seed + epoch)
    ]
    started = time.monotonic()
    losses = optimise(tuned, batches, recipe.learning_rate)
    seconds = time.monotonic() - started
    tokens = sum(len(ids) for batch in batches for ids, _ in batch)
    log(f"trained: {len(rows)} rows, {tokens:,} tokens, {tokens / seconds:,.0f} tokens/s, loss {losses[-2:]}")
    notes = {"rows": len(rows), "steps": len(batches), "tokens": tokens, "seconds": round(seconds, 1)}
    return tuned.eval(), {**notes, "loss": losses}


def optimise(tuned: Any, batches: Sequence[list[Example]], learning_rate: float) -> list[float]:
    """Train the adapter's weights in float32; returns the loss of each step."""
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.0)
    losses = []
    tuned.train()
    for number, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * schedule(number, len(batches))
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            loss = completion_loss(tuned, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
    return [round(float(loss), 4) for loss in losses]


def completion_loss(tuned: Any, batch: Sequence[Example]) -> Tensor:
    """The mean cross entropy of the completion tokens. Padding follows each row, so no token sees it."""
    length = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([[*ids, *[0] * (length - len(ids))] for ids, _ in batch], device=DEVICE)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for number, (row, start) in enumerate(batch):
        mask[number, start - 1 : len(row) - 1] = True
    model = tuned.get_base_model()
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
    return F.cross_entropy(model.lm_head(hidden[mask]).float(), ids.roll(-1, 1)[mask])


def batches_of(rows: Sequence[Example], tokens: int, seed: int) -> Iterator[list[Example]]:
    """Batches of rows of similar length with at most `tokens` tokens, in random order."""
    generator = random.Random(seed)
    batches: list[list[Example]] = [[]]
    for row in sorted(rows, key=lambda row: (len(row[0]), generator.random())):
        if batches[-1] and (len(batches[-1]) + 1) * len(row[0]) > tokens:
            batches.append([])
        batches[-1].append(row)
    generator.shuffle(batches)
    yield from batches


def schedule(step: int, steps: int) -> float:
    """The share of the learning rate: a linear warm-up, then a cosine to 5%."""
    warm_up = max(1, steps // 20)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


# ── training rows from executed tests ─────────────────────────────────────────────────────────────


def harvest_rows(facts: Path, step: Row, items: dict[str, Row]) -> list[Row]:
    """The best tests of each function that pass and assert, without near-duplicates."""
    candidates = [
        fact
        for fact in rows_of(facts, step["replies_of"])
        if is_useful(fact, step.get("min_mutation_score", 0.0))
    ]
    candidates.sort(
        key=lambda fact: (-(fact["mutation"] or 0), -fact["focal_covered"], len(fact["code"]), fact["sample"])
    )
    selected: dict[str, list[Row]] = {}
    for fact in candidates:
        better = selected.setdefault(fact["item"], [])
        is_new = not any(is_near_duplicate(fact["code"], row["code"]) for row in better)
        if is_new and len(better) < step["per_function"]:
            better.append(fact)
    return [training_row(items[id], fact) for id, rows in selected.items() for fact in rows]


def is_useful(fact: Row, min_mutation_score: float) -> bool:
    """Whether a test passes, asserts and covers its function; functions without mutants score 0.5."""
    if fact["status"] != "PASSED" or not fact["asserts"] or not fact["focal_covered"]:
        return False
    return bool((0.5 if fact["mutation"] is None else fact["mutation"]) >= min_mutation_score)


def training_row(item: Row, fact: Row) -> Row:
    """The row teaches the assembled file, not the raw reply."""
    return {
        "item": item["id"], "pair_id": item["pair_id"], "messages": item["messages"],
        "completion": f"```go\n{fact['code'].rstrip()}\n```\n", "sample": fact["sample"],
        "arm": fact["arm"], "mutation": fact["mutation"],
    }  # fmt: skip


def is_near_duplicate(first: str, second: str) -> bool:
    """Whether two tests share at least four fifths of their shingles of five words."""
    one, two = shingles(first), shingles(second)
    return len(one & two) >= 0.8 * max(1, len(one | two))


def shingles(text: str) -> set[tuple[str, ...]]:
    parts = text.split()
    return {tuple(parts[start : start + 5]) for start in range(len(parts))}


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────


class Experiment:
    """Executes the steps of a plan. Each `train` step adds a model."""

    def __init__(self, folders: argparse.Namespace, plan: Row) -> None:
        self.folders, self.plan = folders, plan
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folders.tokenizer)
        self.models: dict[str, Qwen2ForCausalLM] = {"base": load_gguf(folders.model)}
        self.data = {name: read_lines(folders.data / file) for name, file in plan["data"].items()}
        log("loaded the model on", DEVICE)

    def execute(self, step: Row) -> None:
        actions = {
            "sample": self.sample, "answer": self.answer, "train": self.train, "harvest": self.harvest,
            "verify": self.verify,
        }  # fmt: skip
        actions[step["action"]](step)

    def forget(self, steps: Sequence[Row]) -> None:
        """Drop the models that these steps do not sample."""
        needed = {"base", *(step.get("model") for step in steps)}
        self.models = {name: model for name, model in self.models.items() if name in needed}

    def sample(self, step: Row) -> None:
        """Write the replies of one model to one set of items: `greedy` ones, and `samples` at random."""
        writer = ReplyWriter(self.folders.inbox, step)
        if writer.is_done() or step["model"] not in self.models:
            log("skipped", step["name"])
            return
        self._reply(step, self.requests(step), writer)

    def answer(self, step: Row) -> None:
        """Write one reply to each prompt of a round of conversations, when they are there."""
        path, until = (
            self.folders.asks / f"{step['name']}.{step['round']}.jsonl",
            time.monotonic() + step["timeout"],
        )
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.5)
        limit = self.plan["max_length"] - self.plan["max_tokens"]
        requests, templates = [], {}
        for ask in read_lines(path):
            prompt = tuple(self.prompt_ids(ask["messages"]))
            templates[ask["id"], ask["sample"]] = ask["template"]
            if len(prompt) <= limit:
                requests.append(Request(ask["id"], ask["sample"], prompt, 0.8))
        log(f"{step['name']} round {step['round']}: {len(templates)} prompts, {len(requests)} fit")
        if requests:
            self._reply(step, requests, ReplyWriter(self.folders.inbox, step, templates))

    def _reply(self, step: Row, requests: Sequence[Request], writer: "ReplyWriter") -> None:
        slots = min(self.plan["slots"], len(requests))
        seed = self.plan["seed"] + int(step["priority"])
        max_length = self.plan["max_length"]
        sampler = Sampler(self.models[step["model"]], slots=slots, max_length=max_length, seed=seed)
        started, tokens, ended = time.monotonic(), 0, 0
        for reply in sampler.run(requests, max_tokens=self.plan["max_tokens"]):
            text = self.tokenizer.decode(reply.tokens, skip_special_tokens=True)
            writer.add(reply, str(text), len(requests))
            tokens, ended = tokens + len(reply.tokens), ended + reply.ended
        writer.close()
        seconds = round(time.monotonic() - started, 1)
        notes = {"replies": len(requests), "tokens": tokens, "ended": ended, "seconds": seconds}
        self.note(step["name"], notes)
        del sampler
        if DEVICE == "cuda":
            torch.cuda.empty_cache()

    def requests(self, step: Row) -> list[Request]:
        """The requests of a step, without prompts that are too long."""
        temperatures = [0.0] * step.get("greedy", 0) + [0.8] * step.get("samples", 0)
        limit = self.plan["max_length"] - self.plan["max_tokens"]
        requests = []
        for item in self.data[step["items"]]:
            prompt = tuple(self.prompt_ids(item[step.get("messages", "messages")]))
            if len(prompt) <= limit:
                requests += [
                    Request(item["id"], number, prompt, temperature)
                    for number, temperature in enumerate(temperatures, step.get("first", 0))
                ]
        return requests

    def train(self, step: Row) -> None:
        """Train an adapter and merge it into a copy of the base model."""
        rows = [row for name in step["rows"] for row in self.data.get(name, [])]
        if not rows:
            log("no rows for", step["name"])
            return
        recipe = Recipe(**step.get("recipe", {}))
        examples = [self.encode(row) for row in rows]
        seed = int(step.get("seed", self.plan["seed"]))
        tuned, notes = train(copy.deepcopy(self.models["base"]), examples, recipe, seed)
        self.models[step["name"]] = tuned.merge_and_unload().eval().requires_grad_(False)
        self.note(f"train-{step['name']}", {**notes, "seed": seed, "recipe": recipe._asdict()})

    def harvest(self, step: Row) -> None:
        """Wait for the facts, and turn passing tests into training rows."""
        self.wait_for_facts(step)
        items = {row["id"]: row for row in self.data[step["items"]]}
        rows = harvest_rows(self.folders.facts, step, items)
        self.data[step["name"]] = rows
        write_lines(self.folders.out / f"{step['name']}.jsonl", rows)
        log(f"{step['name']}: {len(rows)} rows of {len({row['item'] for row in rows})} functions")

    def verify(self, step: Row) -> None:
        """Wait for the facts of rows of human tests, and select those that kill enough of their mutants."""
        self.wait_for_facts(step)
        verified = {
            fact["item"]: fact
            for fact in rows_of(self.folders.facts, step["replies_of"])
            if is_useful(fact, step["min_mutation_score"]) and fact["mutation"] is not None
        }
        columns = ("item", "arm", "sample", "mutation")
        rows = [
            {**row, **{column: verified[row["id"]][column] for column in columns}}
            for row in self.data[step["items"]]
            if row["id"] in verified
        ]
        self.data[step["name"]] = rows
        write_lines(self.folders.out / f"{step['name']}.jsonl", rows)
        log(f"{step['name']}: {len(rows)} of {len(self.data[step['items']])} rows")

    def wait_for_facts(self, step: Row) -> None:
        """Wait until 97% of the replies have facts, at most `timeout` seconds."""
        until = time.monotonic() + step["timeout"]
        replies = count_rows(self.folders.inbox, step["replies_of"])
        executed = count_rows(self.folders.facts, step["replies_of"])
        while executed < 0.97 * replies and time.monotonic() < until:
            time.sleep(1)
            executed = count_rows(self.folders.facts, step["replies_of"])
        log(f"executed: {executed} of {replies} replies of {step['replies_of']}")

    def encode(self, row: Row) -> Example:
        prompt = self.prompt_ids(row["messages"])
        messages = [*row["messages"], ("assistant", row["completion"])]
        ids = self._apply_template(messages, add_generation_prompt=False)
        assert ids[: len(prompt)] == prompt
        return ids, len(prompt)

    def prompt_ids(self, messages: Iterable[tuple[str, str]]) -> list[int]:
        return self._apply_template(messages, add_generation_prompt=True)

    def _apply_template(
        self, messages: Iterable[tuple[str, str]], *, add_generation_prompt: bool
    ) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages],
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def note(self, name: str, notes: Row) -> None:
        log(f"{name}: {notes['tokens']:,} tokens, {notes['seconds']:.0f} s")
        with (self.folders.out / "notes.jsonl").open("a") as file:
            file.write(json.dumps({"name": name, **notes}) + "\n")


class ReplyWriter:
    """Writes the replies of a step to the inbox, in parts, so that their execution can begin.

    Greedy replies have a file and a priority of their own.
    """

    def __init__(self, inbox: Path, step: Row, templates: dict[tuple[str, int], str] | None = None) -> None:
        self.inbox, self.step, self.templates = inbox, step, templates or {}
        self.sampled: list[Row] = []
        self.greedy: list[Row] = []
        self.count = 0

    def is_done(self) -> bool:
        return self._path("priority").exists()

    def _path(self, priority: str, part: str = "") -> Path:
        return self.inbox / f"{self.step[priority]}-{self.step['name']}{part}.jsonl"

    def add(self, reply: Reply, text: str, total: int) -> None:
        request = reply.request
        row = {
            "arm": self.step["name"], "item": request.item, "sample": request.sample, "text": text,
            "tokens": len(reply.tokens), "ended": reply.ended, "prompt_tokens": len(request.prompt),
            "round": self.step.get("round", 0),
            "template": self.templates.get((request.item, request.sample), ""),
        }  # fmt: skip
        (self.sampled if request.temperature else self.greedy).append(row)
        self.count += 1
        part_size = -(-total // self.step.get("files", 1))
        if len(self.sampled) >= part_size and self.count < total:
            write_lines(self._path("priority", f".{self.count // part_size}"), self.sampled)
            self.sampled = []

    def close(self) -> None:
        if self.greedy:
            write_lines(self._path("greedy_priority", ".greedy"), self.greedy)
        write_lines(self._path("priority"), self.sampled)


def rows_of(folder: Path, arms: Sequence[str]) -> Iterator[Row]:
    """The rows of these arms in all files of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        yield from (row for row in read_lines(path) if row["arm"] in arms)


def count_rows(folder: Path, arms: Sequence[str]) -> int:
    return sum(1 for _ in rows_of(folder, arms))


def read_lines(path: Path) -> list[Row]:
    """The rows of a file, without a last line that is still being written."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text("".join(json.dumps(row) + "\n" for row in rows))
    draft.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="a Qwen2 GGUF file")
    for name in ("tokenizer", "data", "inbox", "facts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--asks", type=Path, help="the prompts of conversations, by converse.py")
    arguments = parser.parse_args()
    plan = yaml.safe_load(arguments.plan.read_text())
    for folder in (arguments.inbox, arguments.facts, arguments.out):
        folder.mkdir(parents=True, exist_ok=True)
    experiment = Experiment(arguments, plan)
    for number, step in enumerate(plan["steps"]):
        experiment.forget(plan["steps"][number:])
        log("step", step["action"], step["name"])
        try:
            experiment.execute(step)
        except Exception:  # one arm must not end the others
            traceback.print_exc()
    if plan.get("end", True):
        (arguments.inbox / "end").touch()


if __name__ == "__main__":
    torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for every length
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    main()
