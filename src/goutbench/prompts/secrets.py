"""Finds and redacts keys and tokens in source text, with the patterns of detect-secrets.

Only private keys and the patterns of real services count. Random-looking strings fill test data and do not
indicate a secret.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from goutbench.errors import ToolError

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

REDACTED = "REDACTED"
_PRIVATE_KEY_KIND = "Private Key"
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
_MIN_TOKEN = 15  # the shortest token of these services, in characters
_MIN_KEY = 64  # characters of a private key's body; code that parses keys contains bare headers


class Secret(NamedTuple):
    """A text that looks like a secret, and the service or kind that it belongs to."""

    kind: str
    text: str


def find_secrets(text: str) -> list[Secret]:
    """Every private key, then every token, in the order of their lines. A multi-line key is one secret.

    Raises ToolError if detect-secrets is not installed.
    """
    secrets = []
    for match in _PRIVATE_KEY.finditer(text):
        body = match[0].split("-----", 2)[-1]
        body = body.rpartition("-----END")[0] or body
        if len(re.sub(r"[^A-Za-z0-9+/=]", "", body)) >= _MIN_KEY:
            secrets.append(Secret(_PRIVATE_KEY_KIND, match[0]))
    tokens = (
        Secret(plugin.secret_type, str(token))
        for line in text.splitlines()
        if len(line) >= _MIN_TOKEN
        for plugin in _plugins()
        for token in plugin.analyze_string(line)
    )
    return secrets + list(dict.fromkeys(tokens))


def redact(text: str) -> str:
    """The text with REDACTED in place of every secret; the header and footer of a private key remain."""
    for secret in sorted(find_secrets(text), key=lambda secret: -len(secret.text)):
        replacement = REDACTED
        if secret.kind == _PRIVATE_KEY_KIND:
            lines = secret.text.splitlines(keepends=True)
            replacement = lines[0] + REDACTED + ("\n" + lines[-1] if len(lines) > 1 else "")
        text = text.replace(secret.text, replacement)
    return text


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
        raise ToolError(f"detect-secrets is not installed: {error}", hint=hint) from None
