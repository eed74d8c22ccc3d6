"""Prompts: templates, in-context examples, cross-file context, redaction of secrets."""
