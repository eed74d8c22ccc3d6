"""Complete runs of a tiny model with TRL: their outputs, and resuming after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import goutbench.train
from goutbench.cli import app
from goutbench.dataset.store import read_table
from goutbench.errors import ConfigError, GoutbenchError, ToolError
from goutbench.train.model.checkpointing import checkpointing_kind, enable_unsloth_checkpointing
from goutbench.train.model.embedded import prepare_gguf
from goutbench.train.model.load import load_model, model_in_training, resolve_dtype
from goutbench.train.model.targets import attach_lora, make_trainable
from goutbench.train.recipe import DataChoice, load_recipe
from goutbench.train.run.card import front_matter
from goutbench.train.run.trainer import make_trainer
from goutbench.train.stage import TrainingRun, plan_training, prepare_run, train

CONFIGS = Path(goutbench.train.__file__).parent / "built_in"

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch and transformers there are many


def job(recipe: Path, dataset: Path, out: Path, **settings: Any) -> TrainingRun:
    return TrainingRun(resolve_dtype(load_recipe(recipe, settings)), dataset, "paper", out)


def test_a_run_writes_weights_that_load_and_its_record(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "model"
    record = train(job(recipe, dataset, out))
    assert record["state"] == "done"
    assert json.loads((out / "train_run.json").read_text()) == json.loads(json.dumps(record))
    task = next(row for row in record["losses"] if row["task"] == "held-out completions")
    assert task["after"] < task["before"]
    assert {"Go code", "code questions"} <= {row["task"] for row in record["losses"]}
    tokenizer = AutoTokenizer.from_pretrained(out / "merged")
    merged = AutoModelForCausalLM.from_pretrained(out / "merged")
    base = AutoModelForCausalLM.from_pretrained(load_recipe(recipe).model.name)
    adapted = PeftModel.from_pretrained(base, str(out / "adapter"))
    ids = tokenizer("package p", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        one, other = merged(ids).logits, adapted(ids).logits
    assert torch.allclose(one, other, atol=1e-4)
    assert (out / "loss.svg").read_text().startswith("<svg")
    assert "held-out completions" in (out / "README.md").read_text()


def test_generate_runs_the_adapter_and_the_merged_model_with_equal_results(
    recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    """Their files are also those that vLLM serves: architecture, names of weights, PEFT's two files."""
    from safetensors import safe_open

    settings = {"sft.max_steps": 1, "forgetting": False}
    train(job(recipe, dataset, tmp_path / "model", **settings))
    replies = {}
    tokenizer = str(tmp_path / "model" / "merged" / "tokenizer.json")
    for name, budget, counts, warned in (
        ("adapter", "512", tokenizer, False),
        ("merged", "400", tokenizer, True),
        ("merged", "512", str(tmp_path / "model" / "merged"), False),  # the tokenizer by its folder
        ("merged", "512", "estimate", True),  # other tokens, and so another context within the same budget
    ):
        options = ["--unit", "function", "--limit", "2", "--max-tokens", "8", "--temperature", "0"]
        options += ["--budget", budget, "--tokenizer", counts, "--out", str(tmp_path / name)]
        command = ["generate", str(dataset), "--model", f"hf/{tmp_path / 'model' / name}", *options]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0
        assert ("other prompt settings: --unit function --budget 512" in result.stderr) is warned
        table = read_table(tmp_path / name / "completions.parquet").to_pylist()
        assert all(row["text"] and row["error"] in ("", "truncated") for row in table)
        replies[name] = [row["text"] for row in table]
    assert replies["adapter"] == replies["merged"]
    merged, base = tmp_path / "model" / "merged", Path(load_recipe(recipe).model.name)
    assert json.loads((merged / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    with (
        safe_open(merged / "model.safetensors", "pt") as ours,
        safe_open(  # type: ignore[no-untyped-call]
            base / "model.safetensors", "pt"
        ) as theirs,
    ):
        assert set(ours.keys()) == set(theirs.keys())
    adapter = tmp_path / "model" / "adapter"
    assert json.loads((adapter / "adapter_config.json").read_text())["peft_type"] == "LORA"
    assert (adapter / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_full_fine_tuning_trains_in_float32_and_saves_in_the_recipes_type(
    dtype: str, recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    """At a rate whose every step is under half the distance of two numbers of 16 bits at most weights."""
    import torch
    from transformers import AutoModelForCausalLM

    settings = {
        "lora": None, "model.dtype": dtype, "sft.bf16": dtype == "bfloat16", "sft.learning_rate": 2e-6,
        "sft.lr_scheduler_type": "constant", "sft.max_steps": 24, "sft.eval_steps": None, "forgetting": False,
    }  # fmt: skip
    run = job(recipe, dataset, tmp_path / "model", **settings)
    record = train(run, stop_at=20)
    assert record["outputs"] == {"model": "model"}
    assert record["preflight"]["weights"]["share"] == 1
    record = train(run)
    assert [(leg["from"], leg["to"]) for leg in record["sessions"]] == [(0, 20), (20, 24)]
    tuned = AutoModelForCausalLM.from_pretrained(tmp_path / "model" / "model", dtype="auto")
    assert tuned.dtype == getattr(torch, dtype)
    base = AutoModelForCausalLM.from_pretrained(run.recipe.model.name, dtype=tuned.dtype)
    pairs = list(zip(tuned.parameters(), base.parameters(), strict=True))
    moved = sum(int((one != other).sum()) for one, other in pairs) / sum(one.numel() for one, _ in pairs)
    assert moved > (0.9 if dtype == "float32" else 0.3)
    (task,) = record["losses"]
    assert task["after"] < task["before"]
    assert "all weights" in (tmp_path / "model" / "model" / "README.md").read_text()


def test_packed_rows_do_not_see_each_other(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    import torch

    settings = {"sft.packing": True, "sft.per_device_train_batch_size": 1, "sft.max_length": 2048}
    packing = job(recipe, dataset, tmp_path / "model", **settings)
    prepared = prepare_run(packing)
    assert prepared.preflight.sequences < prepared.preflight.train.rows
    model, _ = make_trainable(load_model(packing.recipe.model), packing.recipe)
    data = prepared.data
    trainer = make_trainer(
        packing.recipe, tmp_path / "model", model, prepared.tokenizer, data.train, data.evaluation,
        tokens_per_step=1.0,
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    positions = batch["position_ids"][0]
    starts = [*(positions == 0).nonzero().flatten().tolist(), len(positions)]
    assert len(starts) > 2
    plain = load_model(packing.recipe.model).eval()
    with torch.no_grad():
        seen = {key: value for key, value in batch.items() if key != "labels"}
        together = plain(**seen, use_cache=False).logits[0]  # as the trainer calls it
        for start, end in pairwise(starts):
            alone = plain(input_ids=batch["input_ids"][:, start:end]).logits[0]
            assert torch.allclose(together[start:end], alone, atol=1e-4)


@pytest.mark.parametrize(("fast", "chosen"), [(True, ("bfloat16", True)), (False, ("float32", False))])
def test_dtype_auto_becomes_the_type_that_the_machine_is_fast_in(
    fast: bool, chosen: tuple[str, bool], recipe: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goutbench.train.model.load.has_native_bfloat16", lambda: fast)
    followed = job(recipe, dataset, Path("model"), **{"model.dtype": "auto", "sft.bf16": True}).recipe
    assert (followed.model.dtype, followed.sft.bf16) == chosen
    explicit = job(recipe, dataset, Path("model"), **{"model.dtype": "bfloat16", "sft.bf16": True}).recipe
    assert (explicit.model.dtype, explicit.sft.bf16) == ("bfloat16", True)


def test_another_recipe_does_not_resume_in_the_same_folder(
    recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    settings = {"sft.max_steps": 1, "forgetting": False, "merge": False}
    train(job(recipe, dataset, tmp_path / "model", **settings))
    with pytest.raises(GoutbenchError, match="another"):
        train(job(recipe, dataset, tmp_path / "model", **settings | {"sft.learning_rate": 0.5}))
    with pytest.raises(GoutbenchError, match="another"):  # the losses before are of other held-out rows
        train(job(recipe, dataset, tmp_path / "model", **settings | {"forgetting": True}))
    (tmp_path / "model" / "train_run.json").unlink()
    with pytest.raises(ConfigError, match="no train_run"):
        train(job(recipe, dataset, tmp_path / "model", **settings))


def test_different_base_weights_do_not_resume_in_the_same_folder(
    recipe: Path, dataset: Path, tmp_path: Path, tiny_model: Path
) -> None:
    from safetensors.torch import load_file, save_file

    base = shutil.copytree(tiny_model, tmp_path / "base")
    settings = {"model.name": str(base), "sft.max_steps": 1, "sft.eval_steps": None, "forgetting": False}
    train(job(recipe, dataset, tmp_path / "model", **settings))
    weights = load_file(base / "model.safetensors")
    save_file({name: weight + 0.01 for name, weight in weights.items()}, base / "model.safetensors")
    with pytest.raises(ConfigError, match="another recipe or model"):
        train(job(recipe, dataset, tmp_path / "model", **settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sft.lr_scheduler_type": "liner"}, "unknown lr_scheduler_type 'liner'"),
        ({"sft.optim": "adamm"}, "unknown optim 'adamm'"),
        ({"sft.max_length": 40}, "none of 42 rows"),
    ],
)
def test_a_dry_run_reports_the_errors_of_the_run(
    settings: dict[str, Any], message: str, recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_training(job(recipe, dataset, tmp_path / "model", **settings))


def test_a_killed_run_resumes_with_the_same_steps_and_rows(
    recipe: Path, dataset: Path, tmp_path: Path, content: dict[str, Any]
) -> None:
    content["sft"] |= {"max_steps": 16}
    recipe.write_text(yaml.safe_dump(content))

    def start(name: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "goutbench", "train", str(recipe), "--dataset", str(dataset)]
        command += ["--split", "paper", "--out", str(tmp_path / name), "--threads", "1"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def written(path: Path) -> bool:
        try:
            return bool(json.loads(path.read_bytes()))
        except ValueError:  # the file is there, and not yet all of it
            return False

    killed = start("killed")
    checkpoints = tmp_path / "killed" / "checkpoints"
    while not any(written(path) for path in checkpoints.glob("checkpoint-*/trainer_state.json")):
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert start("killed").wait() == 0
    train(job(recipe, dataset, tmp_path / "whole"))
    records = [json.loads((tmp_path / name / "train_run.json").read_text()) for name in ("killed", "whole")]
    assert [leg["from"] > 0 for leg in records[0]["sessions"]] == [False, True]
    assert "to" not in records[0]["sessions"][0]  # it was killed
    assert [(leg["from"], leg["to"]) for leg in records[1]["sessions"]] == [(0, 16)]
    curves = [{row["step"]: row["loss"] for row in r["log"] if "loss" in row} for r in records]
    assert list(curves[0]) == list(range(1, 17))
    assert curves[0] == pytest.approx(curves[1])
    assert [row["after"] for row in records[0]["losses"]] == pytest.approx(
        [row["after"] for row in records[1]["losses"]], abs=1e-4
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        # within the second epoch of rows that are grouped by length, with dropout
        {
            "sft.max_steps": 8, "data.max_rows": 6, "sft.train_sampling_strategy": "group_by_length",
            "lora.lora_dropout": 0.1, "sft.eval_steps": None,
        },
        {"sft.packing": True, "sft.max_length": 1200, "sft.per_device_train_batch_size": 1},
    ],
    ids=["plain", "by-length", "packed"],
)  # fmt: skip
def test_a_run_can_stop_early_and_resume(
    settings: dict[str, Any], recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    settings = {"forgetting": False, **settings}
    early = job(recipe, dataset, tmp_path / "early", **settings)
    last = early.recipe.sft.max_steps
    record = train(early, stop_at=last - 3)
    assert (record["state"], record["steps"], record["preflight"]["steps"]) == ("stopped", last - 3, last)
    weights = tmp_path / "early" / "merged" / "model.safetensors"
    assert f"{last - 3} of {last} steps" in (tmp_path / "early" / "README.md").read_text()
    before = weights.read_bytes()
    again = train(early, stop_at=last - 3)  # it is there already, and stays as it is
    assert again == json.loads(json.dumps(record))
    assert weights.read_bytes() == before
    later = train(early)
    assert (later["state"], later["steps"]) == ("done", last)
    assert [(leg["from"], leg["to"]) for leg in later["sessions"]] == [(0, last - 3), (last - 3, last)]
    whole = train(job(recipe, dataset, tmp_path / "whole", **settings))
    losses = [[row["loss"] for row in record["log"] if "loss" in row] for record in (later, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len(losses[0]) == last


@pytest.mark.parametrize("bf16", [False, True])
def test_a_checkpoint_of_the_last_step_is_only_loaded(
    bf16: bool, recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    """A kill between the last step and the outputs must not cost a step more."""
    done = job(recipe, dataset, tmp_path / "model", **{"forgetting": False, "sft.bf16": bf16})
    record = train(done)
    weights = tmp_path / "model" / "adapter" / "adapter_model.safetensors"
    before = weights.read_bytes()
    shutil.rmtree(tmp_path / "model" / "adapter")
    again = train(done)
    assert (again["steps"], again["state"]) == (record["steps"], "done")
    assert weights.read_bytes() == before
    assert again["losses"] == record["losses"]


@pytest.mark.parametrize("lora", [True, False])
def test_losses_do_not_change_if_training_changes_no_weight(
    lora: bool, recipe: Path, dataset: Path, tmp_path: Path, content: dict[str, Any]
) -> None:
    """Before and after are measured in the same types, whatever training computes in."""
    content["lora"] = content["lora"] if lora else None
    recipe.write_text(yaml.safe_dump(content))
    settings = {"sft.bf16": True, "sft.learning_rate": 1e-30, "sft.max_steps": 1}
    record = train(job(recipe, dataset, tmp_path / "model", **settings))
    assert len(record["losses"]) == 3
    assert [row["change"] for row in record["losses"]] == [0, 0, 0]


def test_where_may_select_no_held_out_pair(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    held_out = set(read_table(dataset / "splits" / "paper.validation.parquet").column("id").to_pylist())
    where = f"id NOT IN ({', '.join(repr(key) for key in sorted(held_out))})"
    chosen = {"data.where": where, "sft.max_steps": 1}
    with pytest.raises(ConfigError, match="9 pairs in the validation split, 0 selected, 0 of their rows"):
        prepare_run(job(recipe, dataset, tmp_path / "model", **chosen))
    record = train(job(recipe, dataset, tmp_path / "model", **chosen, **{"sft.eval_steps": None}))
    assert [row["task"] for row in record["losses"]] == ["Go code", "code questions"]
    assert "| code questions |" in (tmp_path / "model" / "merged" / "README.md").read_text()


@pytest.mark.parametrize(
    ("gpus", "processes", "message"), [(2, "", "CUDA_VISIBLE_DEVICES=0"), (1, "2", "without a launcher")]
)
def test_a_run_needs_one_process_and_one_device(
    gpus: int, processes: str, message: str, recipe: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    if processes:
        monkeypatch.setenv("WORLD_SIZE", processes)
    with pytest.raises(ConfigError, match=message):
        train(job(recipe, dataset, Path("model")))
    assert plan_training(job(recipe, dataset, Path("model"))).preflight  # to look at a run takes no device


@pytest.mark.parametrize(
    ("gpu", "failure", "taken"),
    [
        (False, None, "torch"),
        (True, None, "unsloth"),
        (True, ImportError("no torchao"), "torch"),
        (True, NotImplementedError("no such accelerator"), "torch"),
    ],
)
def test_unsloth_checkpointing_is_used_where_it_works(
    gpu: bool,
    failure: Exception | None,
    taken: str,
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without its trainers. A stand-in for its package, which needs a GPU to do anything."""
    import torch

    called = []

    class Standing(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name != "patch_unsloth_smart_gradient_checkpointing":
                raise AttributeError(name)
            if failure:
                raise failure
            print("greetings")
            return called.append

    for name in ("unsloth_zoo", "unsloth_zoo.gradient_checkpointing"):
        monkeypatch.setitem(sys.modules, name, Standing(name))
    for name in ("UNSLOTH_IS_PRESENT", "UNSLOTH_FUSED_FORWARD"):
        monkeypatch.setenv(name, "")  # so that it is taken back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    requested = load_recipe(
        recipe, {"sft.gradient_checkpointing": "unsloth", "model.dtype": "bfloat16", "lora": None}
    )
    assert checkpointing_kind(requested) == taken
    assert called == []  # asking changes nothing
    if taken == "unsloth":
        enable_unsloth_checkpointing(model_in_training(requested).dtype)
    assert capsys.readouterr().out == ""
    assert called == ([torch.float32] if taken == "unsloth" else [])  # all weights are trained, in 32 bits
    assert "unsloth" not in sys.modules
    if gpu:
        assert (os.environ["UNSLOTH_IS_PRESENT"], os.environ["UNSLOTH_FUSED_FORWARD"]) == ("1", "0")


def test_rows_have_the_tokens_and_labels_of_trl(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    prepared = prepare_run(job(recipe, dataset, tmp_path / "model"))
    conversations = [
        {
            "prompt": [{"role": role, "content": content} for role, content in row.prompt],
            "completion": [{"role": "assistant", "content": row.completion}],
        }
        for row in prepared.data.rows[:8]
    ]
    args = SFTConfig(output_dir=str(tmp_path / "bare"), max_length=1024, report_to=[], use_cpu=True)
    model = load_model(load_recipe(recipe).model)
    theirs = SFTTrainer(
        model, args=args, train_dataset=Dataset.from_list(conversations), processing_class=prepared.tokenizer
    )
    for sample, batch in zip(prepared.data.train, theirs.train_dataset, strict=False):
        (collated,) = [theirs.data_collator([batch])]
        assert sample["input_ids"] == collated["input_ids"][0].tolist()
        assert sample["labels"] == collated["labels"][0].tolist()


def test_the_model_card_describes_the_weights(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    record = train(job(recipe, dataset, out, **{"sft.max_steps": 1, "forgetting": False}))
    for kind, library in (("adapter", "peft"), ("merged", "transformers")):
        metadata = front_matter(out / kind / "README.md")
        assert (metadata["library_name"], metadata["base_model"]) == (library, record["base"]["name"])
        text = (out / kind / "README.md").read_text()
        assert "- MIT: 42 pairs" in text
        assert "held-out completions" in text
        assert "learning_rate: 0.01" in text
        assert "More Information Needed" not in text


def test_a_chat_template_with_the_date_gives_the_same_prompt_every_day(recipe: Path, tmp_path: Path) -> None:
    from goutbench.train.model.load import load_tokenizer

    choice = load_recipe(recipe).model
    plain = load_tokenizer(choice)
    day = "{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}"
    plain.chat_template = day + "Today Date: {{ date_string }}" + plain.chat_template
    plain.save_pretrained(tmp_path / "base")
    tokenizer = load_tokenizer(choice.model_copy(update={"name": str(tmp_path / "base")}))
    text = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert text.startswith("Today Date: 26 Jul 2024")


@pytest.mark.parametrize(
    "refusal", ["{{ raise_exception('System role not supported') }}", "{% set messages = messages[1:] %}"]
)
def test_a_template_without_a_system_role_gets_its_text_in_the_users_turn(
    recipe: Path, tmp_path: Path, refusal: str
) -> None:
    from goutbench.train.model.load import load_tokenizer

    choice = load_recipe(recipe).model
    plain = load_tokenizer(choice)
    plain.chat_template = (
        f"{{% if messages[0]['role'] == 'system' %}}{refusal}{{% endif %}}{plain.chat_template}"
    )
    plain.save_pretrained(tmp_path / "base")
    tokenizer = load_tokenizer(choice.model_copy(update={"name": str(tmp_path / "base")}))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "test it"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    assert text == "<|im_start|>user\nbe brief\n\ntest it<|im_end|>\n"
    tokenizer.save_pretrained(tmp_path / "trained")
    again = load_tokenizer(choice.model_copy(update={"name": str(tmp_path / "trained")}))
    assert again.chat_template == tokenizer.chat_template


def test_earlier_names_of_keys_are_accepted_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match=r"data\.closed is now self_contained"):
        assert DataChoice.model_validate({"closed": True}).self_contained
    with pytest.warns(FutureWarning, match=r"data\.around_tokens is now cross_file_tokens"):
        assert DataChoice.model_validate({"around_tokens": 7}).cross_file_tokens == 7
    with pytest.raises(ValueError, match="Extra inputs"):
        DataChoice.model_validate({"around_tokens": 7, "cross_file_tokens": 8})


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), (b"GGUF\0", "cannot be read")])
def test_a_file_that_is_not_gguf_is_an_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    if content:
        source.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        prepare_gguf(source, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_missing_reporter_is_an_error_before_anything_is_loaded(
    recipe: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match="wandb"):
        train(job(recipe, dataset, tmp_path / "model", **{"sft.report_to": "wandb", "model.name": "nowhere"}))


def test_lora_of_fused_experts_trains_every_weight_that_the_paper_names() -> None:
    """By the paper's recipe on a small model of the same kind; gate and up have a rank of 8 each."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    recipe = load_recipe(CONFIGS / "deepseek-coder-v2-lite-lora.yaml")
    assert recipe.lora is not None
    assert recipe.model.shape is not None
    small = {
        "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "n_routed_experts": 4,
        "num_experts_per_tok": 2, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
        "v_head_dim": 8,
    }  # fmt: skip
    shape = AutoConfig.for_model(**(recipe.model.shape | small))
    model, _ = attach_lora(AutoModelForCausalLM.from_config(shape, dtype=torch.float32), recipe.lora)
    layers = [layer for layer in model.modules() if hasattr(layer, "lora_dropout")]
    assert {layer.scaling["default"] for layer in layers} == {2.0}
    dropped = [getattr(layer.lora_dropout["default"], "p", 0) for layer in layers]
    assert dropped.count(0.05) == 2 * len(recipe.lora.target_modules)  # parameters have none
    ids = torch.arange(24).reshape(2, 12)
    model(input_ids=ids, labels=ids).loss.backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None for weight in trained.values())
    ranks = {
        name.removeprefix("base_model.model.model.").removesuffix(".lora_A.default.weight"): weight.shape[0]
        for name, weight in trained.items()
        if "lora_A" in name
    }
    attention = {f"layers.{at}.self_attn.{name}": 8 for at in (0, 1) for name in recipe.lora.target_modules}
    gated = ("gate_proj", "up_proj", "down_proj")
    assert ranks == {
        **attention,
        **{f"layers.0.mlp.{name}": 8 for name in gated},
        **{f"layers.1.mlp.shared_experts.{name}": 8 for name in gated},
        "layers.1.mlp.experts.base_layer": 4 * 16,  # gate and up of four experts
        "layers.1.mlp.experts": 4 * 8,
    }


def test_a_lora_target_that_matches_nothing_is_an_error(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    settings = {"lora.target_modules": ["q_proj", "qkv_proj"]}
    with pytest.raises(ConfigError, match="qkv_proj") as caught:
        plan_training(job(recipe, dataset, tmp_path / "model", **settings))
    assert "q_proj" in str(caught.value.hint)


def test_the_papers_recipes_have_its_values_and_need_no_download(dataset: Path, tmp_path: Path) -> None:
    shared = {
        "num_train_epochs": 2, "learning_rate": 5e-5, "lr_scheduler_type": "linear", "warmup_steps": 0.1,
        "per_device_train_batch_size": 8, "gradient_accumulation_steps": 8, "weight_decay": 0.05,
        "adam_epsilon": 1e-8, "max_length": 2048, "packing": True, "bf16": True,
        "gradient_checkpointing": "unsloth", "seed": 42, "dataloader_num_workers": 8, "logging_steps": 100,
        "eval_steps": 100, "save_steps": 1000,
    }  # fmt: skip
    plans = {}
    for name in ("deepseek-coder-v2-lite-lora", "llama-3.2-3b-full"):
        path = CONFIGS / f"{name}.yaml"
        recipe = load_recipe(path)
        sft = recipe.sft.model_dump()
        assert {key: sft[key] for key in shared} == shared
        plans[name] = plan_training(TrainingRun(recipe, dataset, "paper", tmp_path / name))
    lora = load_recipe(CONFIGS / "deepseek-coder-v2-lite-lora.yaml").lora
    assert lora is not None
    assert (lora.r, lora.lora_alpha, lora.lora_dropout, lora.bias) == (8, 16, 0.05, "none")
    deepseek, llama = plans.values()
    assert 15.6e9 < deepseek.weights.total < 15.8e9
    assert deepseek.weights.share == pytest.approx(0.01161, abs=1e-5)
    assert {target.target: len(target.matched) for target in deepseek.targets} == {
        "q_proj": 27, "kv_a_proj_with_mqa": 27, "kv_b_proj": 27, "o_proj": 27,
        "mlp.experts.gate_up_proj": 26, "mlp.experts.down_proj": 26,
        **{f"mlp.shared_experts.{name}_proj.weight": 26 for name in ("gate", "up", "down")},
        **{f"layers.0.mlp.{name}_proj.weight": 1 for name in ("gate", "up", "down")},
    }  # fmt: skip
    assert llama.weights.trainable == llama.weights.total
    assert 3.2e9 < llama.weights.total < 3.3e9


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_loads(path: Path) -> None:
    assert load_recipe(path).sft.max_length


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sft.max_lenght": 5}, "max_lenght"),
        ({"sft.learning_rate": 0}, "greater than 0"),
        ({"nowhere.at": 1}, "no such section"),
        ({"lora.target_modules": []}, "needs target_modules"),
        ({"data.evidence": ["cal"]}, "data.evidence"),
        ({"data.evidence": []}, "data.evidence"),
    ],
)
def test_an_error_names_the_invalid_setting(recipe: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(recipe, settings)


def test_a_setting_that_is_not_yaml_is_an_error(recipe: Path, dataset: Path) -> None:
    command = ["train", str(recipe), "--dataset", str(dataset), "--split", "paper", "--set", 'data.where="x']
    run = subprocess.run([sys.executable, "-m", "goutbench", *command], capture_output=True, text=True)
    assert run.returncode == 2
    assert "--set data.where" in run.stderr
    assert "Traceback" not in run.stderr
