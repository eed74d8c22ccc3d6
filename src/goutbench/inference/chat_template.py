"""Chat templates: those without a system role, such as Gemma's, and texts that imitate one."""

import re
from typing import Any

FOLD = (
    "{%- if messages|length > 1 and messages[0]['role'] == 'system' and messages[1]['role'] == 'user' -%}"
    "{%- set first = messages[0]['content'] + '\\n\\n' + messages[1]['content'] -%}"
    "{%- set messages = [{'role': 'user', 'content': first}] + messages[2:] -%}"
    "{%- endif -%}"
)
"""In front of a template: the system message becomes the beginning of the user's first turn."""

_CONTROL_TOKEN = re.compile(
    r"<\|[^\n<>|]{1,60}\|>"  # <|im_end|>, <|eot_id|>, <|start_header_id|>
    r"|<｜[^\n｜]{1,60}｜>"  # DeepSeek
    r"|\[\|[^\n\[\]|]{1,60}\|\]"  # EXAONE
    r"|</?(?:s|bos|eos|pad|unk|mask|cls|sep|sop|eop|eoh|eoa|think|thinking|thought|reasoning|image|video|audio)>"
    r"|</?[A-Za-z0-9]+_\w*>"  # Gemma's <start_of_turn>, <tool_call>, <fim_prefix>, Cohere's <BOS_TOKEN>
    r"|<</?SYS>>"
    r"|\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS?|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS|THINK"
    r"|MODEL_SETTINGS|IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|PREFIX|MIDDLE|SUFFIX|gMASK|sMASK"
    r"|UNUSED_TOKEN_\d+)\]"
)
"""What tokenizers of local models read as one token, wherever it is in a text."""

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


def without_control_tokens(text: str) -> str:
    """The text with a space after the first character of each control token: nothing in it ends a turn."""
    return _CONTROL_TOKEN.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)
