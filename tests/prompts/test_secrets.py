"""Secrets: real keys and tokens are found, mentions of them are not, and redaction removes them."""

import pytest

from goutbench.prompts.secrets import find_secrets, redact

BODY = "\n".join(["MIIEpAIBAAKCAQEA" + "Ab1+" * 12] * 4)
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"
AWS, GITHUB = "AKIA" + "Q3EGRIXJ7SWZ5TNB", "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f'const id = "{AWS}"', ["AWS Access Key"]),
        (f'token := "{GITHUB}" // {GITHUB}', ["GitHub Token"]),
        (f"var key = `{KEY}`\nvar other = `{KEY}`", ["Private Key", "Private Key"]),
        ('if strings.HasPrefix(s, "-----BEGIN RSA PRIVATE KEY-----") {', []),
        ('sum := "da39a3ee5e6b4b0d3255bfef95601890afd80709"', []),
    ],
)
def test_find_secrets_returns_keys_and_tokens_but_no_headers_or_hashes(text: str, kinds: list[str]) -> None:
    assert [secret.kind for secret in find_secrets(text)] == kinds


def test_redaction_removes_every_secret_and_nothing_else() -> None:
    text = f'package p\n\nconst id = "{AWS}"\n\nvar key = `{KEY}`\n\nvar token = "{GITHUB}"\n'
    clean = redact(text)
    assert find_secrets(clean) == []
    assert clean.count("REDACTED") == 3
    assert clean.startswith(
        'package p\n\nconst id = "REDACTED"\n\nvar key = `-----BEGIN RSA PRIVATE KEY-----\n'
    )
    assert redact("package p\n") == "package p\n"
