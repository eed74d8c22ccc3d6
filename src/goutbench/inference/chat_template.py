"""Chat templates without a system role, such as Gemma's and Mistral's first ones."""

from typing import Any

FOLD = (
    "{%- if messages|length > 1 and messages[0]['role'] == 'system' and messages[1]['role'] == 'user' -%}"
    "{%- set first = messages[0]['content'] + '\\n\\n' + messages[1]['content'] -%}"
    "{%- set messages = [{'role': 'user', 'content': first}] + messages[2:] -%}"
    "{%- endif -%}"
)
"""In front of a template: the system message becomes the beginning of the user's first turn."""

_SYSTEM = "the text of a system message"


def fold_system_role(tokenizer: Any) -> bool:
    """Change the tokenizer's template if it refuses or loses a system message; returns whether it did.

    A template that fails for another reason, or that is not a text, is left as it is.
    """
    template = getattr(tokenizer, "chat_template", None)
    if not isinstance(template, str) or template.startswith(FOLD) or _shows_system_message(tokenizer):
        return False
    tokenizer.chat_template = FOLD + template
    if _shows_system_message(tokenizer):
        return True
    tokenizer.chat_template = template
    return False


def _shows_system_message(tokenizer: Any) -> bool:
    from jinja2 import TemplateError

    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": "a question"}]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except (TemplateError, TypeError, ValueError):
        return False
    return _SYSTEM in str(text)
