"""What is special about a model that was trained here: the hash of its weights, and its prompt settings."""

from dataclasses import asdict, replace
from pathlib import Path

from goutbench.chunk.tokens import COUNTERS, tokenizer_file
from goutbench.dataset.store import file_hash
from goutbench.generate.options import GenerateOptions
from goutbench.inference.models import local_folder, training_prompt_settings, weights_hash
from goutbench.prompts.library import DEFAULT, load_prompt


def with_weights_revision(options: GenerateOptions, model: str) -> GenerateOptions:
    """The options with the hash of a local model's weights as its revision, unless they name a revision.

    Training continues in the same folder, so the folder's name does not identify the model.
    """
    folder = local_folder(model)
    return replace(options, revision=weights_hash(folder)) if folder and not options.revision else options


def differs_from_training(options: GenerateOptions, model: str) -> str:
    """The options with which a tuned model was trained, if these options differ; otherwise empty.

    Budgets count tokens, so the tokenizer is one of the options.
    """
    folder = local_folder(model)
    settings = training_prompt_settings(folder) if folder else {}
    if not folder or not settings:
        return ""
    expected = str(settings.pop("tokenizer", "")) or str(tokenizer_file(folder))
    same_tokenizer = options.tokenizer == expected or _same_tokenizer(options.tokenizer, expected)
    digest, trained_prompt = settings.pop("prompt_hash", ""), settings.setdefault("prompt", DEFAULT)
    own_digest = load_prompt(options.prompt).hash
    used = asdict(options) | ({"prompt": trained_prompt} if own_digest == digest else {})
    changed = bool(digest) and digest != own_digest and options.prompt == trained_prompt
    if same_tokenizer and not changed and all(used.get(name) == value for name, value in settings.items()):
        return ""
    flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())
    note = f" (the files of this prompt have changed; their hash was {digest})" if changed else ""
    return f"{flags} --tokenizer {expected}{note}"


def _same_tokenizer(name: str, expected: str) -> bool:
    """Whether two names are of files with equal bytes; a file that is missing cannot differ."""
    current, required = tokenizer_file(Path(name)), tokenizer_file(Path(expected))
    if not required.is_file():
        return expected not in COUNTERS
    return current.is_file() and file_hash(current) == file_hash(required)
