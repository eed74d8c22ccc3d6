"""Keys and tokens in source text, by the patterns of detect-secrets; and what to write in their place.

Only patterns of real services and private keys are looked for: random-looking strings, which fill test data,
say nothing of a secret.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from goutbench.errors import ToolError

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

REDACTED = "REDACTED"
_DETECTORS = {
    "aws": "AWSKeyDetector", "discord": "DiscordBotTokenDetector", "github_token": "GitHubTokenDetector",
    "jwt": "JwtTokenDetector", "mailchimp": "MailchimpDetector", "npm": "NpmDetector",
    "sendgrid": "SendGridDetector", "slack": "SlackDetector", "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector", "twilio": "TwilioKeyDetector",
}  # fmt: skip
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END).)*?"
    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_LEAST = 15  # no token of these services is shorter


class Secret(NamedTuple):
    """What looks like a secret, and whose."""

    kind: str
    text: str


def find_secrets(text: str) -> list[Secret]:
    """What looks like a key or token, in the order of its lines; a private key is one secret, whatever its
    lines. Raises ToolError without detect-secrets."""
    keys = [Secret("Private Key", match[0]) for match in _PRIVATE_KEY.finditer(text) if _has_body(match[0])]
    return keys + list(dict.fromkeys(_tokens(text)))


def redact(text: str) -> str:
    """The text with REDACTED for every secret."""
    for secret in sorted(find_secrets(text), key=lambda each: -len(each.text)):
        if secret.kind != "Private Key":
            text = text.replace(secret.text, REDACTED)
            continue
        lines = secret.text.splitlines(keepends=True)
        kept = lines[0] + REDACTED + ("\n" + lines[-1] if len(lines) > 1 else "")
        text = text.replace(secret.text, kept)
    return text


def _has_body(key: str) -> bool:
    """A mere header, as code that parses keys has it, is no key."""
    body = key.split("-----", 2)[-1].rpartition("-----END")[0] or key.split("-----", 2)[-1]
    return len(re.sub(r"[^A-Za-z0-9+/=]", "", body)) >= 64


def _tokens(text: str) -> Iterator[Secret]:
    for line in text.splitlines():
        if len(line) >= _LEAST:
            for plugin in _plugins():
                for found in plugin.analyze_string(line):
                    yield Secret(plugin.secret_type, str(found))


@cache
def _plugins() -> "tuple[BasePlugin, ...]":
    from importlib import import_module

    try:
        return tuple(
            getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
            for module, name in _DETECTORS.items()
        )
    except ImportError as error:
        hint = "pip install 'goutbench[report]'"
        raise ToolError(f"looking for secrets needs detect-secrets: {error}", hint=hint) from None
