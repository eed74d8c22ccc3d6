"""Opening a model by Inspect's name for it: one way for those that write tests and those that judge."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goutbench.dataset.store import file_hash
from goutbench.errors import ConfigError

if TYPE_CHECKING:
    from inspect_ai.model import Model

ASKED = "goutbench.json"
"""The file beside tuned weights that says how the model was asked in training."""

_OF_A_MODEL = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")


@dataclass(frozen=True, slots=True)
class Server:
    """How a model is reached, in Inspect's words: its own defaults where nothing is said."""

    base_url: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    connections: int | None = None
    timeout: int | None = None
    retries: int | None = None
    display: str = "none"


@contextmanager
def talking_aside() -> Iterator[None]:
    """Whatever Inspect prints goes to standard error: standard output is for results."""
    with redirect_stdout(sys.stderr):
        yield


def open_model(name: str, server: Server, *, temperature: float | None) -> "Model":
    """The model, not shared with other callers. Raises ConfigError where Inspect knows none by that name."""
    from inspect_ai.model import GenerateConfig, get_model

    config = GenerateConfig(
        max_connections=server.connections, timeout=server.timeout, max_retries=server.retries
    )
    args = dict(server.model_args)
    if temperature == 0 and name.startswith("hf/"):
        args.setdefault("do_sample", False)  # transformers refuses to sample at temperature 0
    if name.startswith("hf/"):
        take_large_pages()
        if "torch_dtype" not in args and not multiplies_bfloat16():
            args.setdefault("dtype", "float32")
    try:
        return get_model(name, config=config, base_url=server.base_url, memoize=False, **args)
    except Exception as error:
        raise ConfigError(f"no such model: {error}", where=f"--model {name}") from error


def local_folder(name: str) -> Path | None:
    """The folder of a model that is read here, or None: "hf/FOLDER" or "vllm/FOLDER"."""
    provider, _, folder = name.partition("/")
    return Path(folder) if provider in ("hf", "vllm") and folder and Path(folder).is_dir() else None


def weights_hash(folder: Path) -> str:
    """A short hash of a model's weights and configurations, and of those that an adapter is added to.

    A folder may hold other weights tomorrow.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _OF_A_MODEL and path.name != ASKED:
            digest.update(f"{path.name} {file_hash(path)}\n".encode())
    if (base := _adapted(folder)) is not None:
        digest.update(weights_hash(base).encode())
    return digest.hexdigest()[:16]


def _adapted(folder: Path) -> Path | None:
    """The folder of the model that an adapter is for, None where it is no adapter or that is not here."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        return None
    base = Path(json.loads(path.read_bytes()).get("base_model_name_or_path") or "-")
    return base if base.is_dir() else None


def asked_in_training(folder: Path) -> dict[str, Any]:
    """How a tuned model was asked in training, by the names of `generate`'s options; empty where not said.

    Raises ConfigError where the file cannot be read.
    """
    path = folder / ASKED
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"no JSON: {error}", where=str(path), hint="remove it, or train again") from None
    if not isinstance(found, dict):
        raise ConfigError("no JSON object", where=str(path), hint="remove it, or train again")
    return found


def multiplies_bfloat16() -> bool:
    """Whether the device that torch takes here multiplies matrices in 16 bits by instructions of its own.

    Where it does not, a product takes over a hundred times as long as in 32 bits; asked of oneDNN, which
    makes the products, since a measurement would depend on what else the machine does.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def take_large_pages() -> None:
    """Have torch ask for large pages for its tensors, unless the user says otherwise; before it is imported.

    The C library hands large blocks back to the kernel, which gives them anew page by page: up to two fifths
    of the CPU time of a training went into that. Linux alone knows the request, and others ignore it.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
