"""A model whose HTTP client has no network: a function receives each request and makes the response.

So the requests of a batch file are those that an online run sends, and its replies take the way of an online
run's, whatever the model and its settings are.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from goutbench.errors import ConfigError
from goutbench.inference.models import Server, open_model

if TYPE_CHECKING:
    from inspect_ai.model import Model

Respond = Callable[[str, bytes], tuple[int, Any]]
"""From the path of a URL and the body of a request to a status and the JSON of the response."""

_PROVIDERS = ("openai/", "openai-api/")
_NO_SERVER = "http://batch.invalid/v1"
"""A name that never exists (RFC 6761): a request that leaves this process fails."""


def open_offline(name: str, server: Server, respond: Respond, *, temperature: float | None) -> "Model":
    """The model with responses by a function. No request is repeated, and no key is needed.

    Raises ConfigError for a model of a provider without OpenAI's API.
    """
    if not name.startswith(_PROVIDERS):
        hint = "name the model of an OpenAI-compatible API: openai/NAME or openai-api/SERVICE/NAME"
        raise ConfigError("batch files have the format of OpenAI's API", where=f"--model {name}", hint=hint)
    arguments = {**server.model_args, "api_key": "none", "max_retries": 0, "http_client": _client(respond)}
    without_network = replace(server, base_url=_NO_SERVER, model_args=arguments, retries=0)
    model = open_model(name, without_network, temperature=temperature, probe=False)
    model.model_args.pop("http_client", None)  # Inspect's log would describe it
    model.api.should_retry = lambda ex: False  # type: ignore[method-assign]
    return model


def _client(respond: Respond) -> Any:
    """An HTTP client of the class that OpenAI's client uses, which depends on its version."""
    from openai import DefaultAsyncHttpxClient

    http = import_module(DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])

    def handle(request: Any) -> Any:
        status, content = respond(str(request.url.path), request.content)
        headers = {"Content-Type": "application/json", "x-should-retry": "false"}
        return http.Response(status, headers=headers, content=json.dumps(content).encode("ascii"))

    return DefaultAsyncHttpxClient(transport=http.MockTransport(handle))
