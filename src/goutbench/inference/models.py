"""Opens models by Inspect's names, for generating and for judging alike."""

import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.store import file_hash
from goutbench.errors import ConfigError, GoutbenchError, without_user_info
from goutbench.inference.chat_template import fold_system_role
from goutbench.inference.reach import unreachable, without_hub

if TYPE_CHECKING:
    from inspect_ai.model import Model

PROMPT_SETTINGS_FILE = "goutbench.json"
"""The file beside tuned weights with the prompt settings of their training."""

PROMPT_OPTIONS = ("unit", "budget", "cross_file_tokens", "examples", "prompt")
"""The options of `generate` that shape a prompt, in that file with the prompt's hash. After training on
harvested rows alone it also names the tokenizer of their budgets; else that is the model's own."""

_PROVIDERS = ("openai", "openai-api", "anthropic", "google", "hf", "vllm", "ollama", "baseline", "scripted")
_OPENAI = ("openai/", "openai-api/")
_MARKUP = re.compile(r"\[/?(?:bold|blue|red|green|yellow|dim|italic|cyan|magenta)(?: [a-z]+)*\]")
_MODEL_SUFFIXES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach a model; None leaves a setting to Inspect. `timeout` is in seconds, retries included."""

    base_url: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    connections: int | None = None
    timeout: int | None = None
    retries: int | None = None
    display: str = "none"

    def __post_init__(self) -> None:
        if self.base_url is not None and without_user_info(self.base_url) != self.base_url:
            raise ConfigError(
                "the address has a user name or password, which the logs of the run would hold",
                where=f"--base-url {without_user_info(self.base_url)}",
                hint="give the key in the provider's environment variable, such as OPENAI_API_KEY",
            )


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what Inspect prints to standard error: standard output is for results."""
    with redirect_stdout(sys.stderr):
        yield


def open_model(name: str, server: Server, *, temperature: float | None, probe: bool = True) -> "Model":
    """The model, not shared with other callers.

    With `probe`, the server at an address must answer. Raises ConfigError if Inspect has no model of that
    name.
    """
    from inspect_ai.model import GenerateConfig, get_model

    config = GenerateConfig(
        max_connections=server.connections, timeout=server.timeout, max_retries=server.retries
    )
    args = dict(server.model_args)
    if temperature == 0 and name.startswith("hf/"):
        args.setdefault("do_sample", False)  # transformers refuses to sample at temperature 0
    if name.startswith("hf/"):
        use_huge_pages()
        if "torch_dtype" not in args and not has_native_bfloat16():
            args.setdefault("dtype", "float32")
    if server.base_url is not None:
        if probe:
            _check_server(name, server.base_url)
        if name.startswith(_OPENAI) and not _has_key(name):
            args.setdefault("api_key", "none")  # a server of one's own rarely asks for one
    offline = name.startswith("hf/") and local_folder(name) is None and without_hub()
    try:
        model = get_model(name, config=config, base_url=server.base_url, memoize=False, **args)
        fold_system_role(getattr(model.api, "tokenizer", None))
        return model
    except Exception as error:
        what, hint = plain_text(str(error)), _hint(name, error, offline=offline)
        raise ConfigError(f"cannot open the model: {what}", where=f"--model {name}", hint=hint) from error


def _check_server(name: str, url: str) -> None:
    """Raises GoutbenchError where nothing answers at the address: Inspect would try for half an hour."""
    if reason := unreachable(url):
        hint = f"start the server of {name}, or check --base-url; the same command resumes"
        raise GoutbenchError(f"no server answers: {reason}", where=f"--base-url {url}", hint=hint)


def _has_key(name: str) -> bool:
    """Whether the environment has the key of an OpenAI-compatible provider."""
    parts = name.split("/")
    service = parts[1] if parts[0] == "openai-api" and len(parts) > 2 else parts[0]
    return f"{service.upper().replace('-', '_')}_API_KEY" in os.environ


def plain_text(text: str) -> str:
    """The text of a message for a terminal in one line, without the markup of its colours."""
    return " ".join(_MARKUP.sub("", text.removeprefix("ERROR: ")).split())


def _hint(name: str, error: Exception, *, offline: bool) -> str:
    """What a user may do where a model cannot be opened."""
    text = str(error)
    if offline:
        return "the Hugging Face Hub cannot be reached: give hf/FOLDER with a model that is on this machine"
    if "API_KEY" in text:
        return "set the variable, or give --base-url for a server of your own"
    if isinstance(error, ModuleNotFoundError | ImportError) or "pip install" in text:
        return "install the package that the message names, into the same environment"
    if name.startswith("hf/"):
        return "give hf/FOLDER with a folder that transformers can load, or a name on the Hugging Face Hub"
    return f"name a model as Inspect does: PROVIDER/MODEL, such as openai/gpt-4o{_did_you_mean(name)}"


def _did_you_mean(name: str) -> str:
    provider = name.partition("/")[0]
    close = difflib.get_close_matches(provider, _PROVIDERS, 1) if provider not in _PROVIDERS else []
    return f"; did you mean {close[0]}/…?" if close else ""


def local_folder(name: str) -> Path | None:
    """The folder of a local model, "hf/FOLDER" or "vllm/FOLDER"; None for any other model."""
    provider, _, folder = name.partition("/")
    return Path(folder) if provider in ("hf", "vllm") and folder and Path(folder).is_dir() else None


def weights_hash(folder: Path) -> str:
    """A short hash of the weights and configuration in a folder, and of an adapter's local base model."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _MODEL_SUFFIXES and path.name != PROMPT_SETTINGS_FILE:
            digest.update(f"{path.name} {file_hash(path)}\n".encode())
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        base = Path(json.loads(adapter.read_bytes()).get("base_model_name_or_path") or "-")
        if base.is_dir():
            digest.update(weights_hash(base).encode())
    return digest.hexdigest()[:16]


def training_prompt_settings(folder: Path) -> dict[str, Any]:
    """The prompt settings of a tuned model's training, by option of `generate`; empty for other models.

    Raises ConfigError if the file is not a JSON object.
    """
    path = folder / PROMPT_SETTINGS_FILE
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}", where=str(path), hint="remove it, or train again") from None
    if not isinstance(settings, dict):
        raise ConfigError("not a JSON object", where=str(path), hint="remove it, or train again")
    return settings


def has_native_bfloat16() -> bool:
    """Whether torch's device multiplies bfloat16 matrices with its own instructions.

    A device without them takes over a hundred times as long as for float32. oneDNN, which computes the
    products on a CPU, reports them; a measurement would depend on the load of the machine.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def use_huge_pages() -> None:
    """Have torch request huge pages, unless the environment decides; call before importing torch.

    Otherwise the C library returns large blocks to the kernel and gets them back page by page, which took
    up to two fifths of the CPU time of a training. Other systems than Linux ignore the variable.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
