"""Whether a server can be reached: asked before a run, and watched while one waits for it."""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

_PROBE_SECONDS = 5.0
_FIRST_SECONDS, _LATER_SECONDS = 20.0, 120.0
_UNREACHED = frozenset({"ConnectError", "ClientConnectorError", "ConnectionRefusedError", "gaierror"})
"""Errors of HTTP clients that opened no connection, by name: each client has its own classes."""


def unreachable(url: str) -> str:
    """Why no server answers at a URL; empty where one does, also with an error, or where it is slow.

    Proxies of the environment are used, as the clients of model servers use them.
    """
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_PROBE_SECONDS):
            return ""
    except urllib.error.HTTPError as answer:
        answer.close()
        return ""
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ConnectionRefusedError | socket.gaierror) or "unreachable" in str(reason):
            return str(getattr(reason, "strerror", "") or reason)
        return ""
    except (OSError, ValueError):  # a server that answers in its own way
        return ""


def without_hub() -> bool:
    """Whether the Hugging Face Hub cannot be reached. Its client then uses its cache alone, and retries
    nothing."""
    if os.environ.get("HF_HUB_OFFLINE") or not unreachable(
        os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    ):
        return False
    os.environ["HF_HUB_OFFLINE"] = "1"
    if (constants := sys.modules.get("huggingface_hub.constants")) is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    return True


@dataclass(slots=True)
class Patience:
    """Decides when to give up a server to which no connection can be opened.

    A server that never answered is given up after 20 seconds, one that did after two minutes: it may start
    again. Its errors and its slowness are no reason.
    """

    answered: float | None = None
    lost: float | None = None

    def answer(self) -> None:
        """The server answered a call."""
        self.answered, self.lost = time.monotonic(), None

    def ends(self, error: BaseException) -> bool:
        """Whether a call that ended with this error is not to be repeated."""
        if not _opened_no_connection(error):
            return False
        now = time.monotonic()
        self.lost = now if self.lost is None else self.lost
        return now - self.lost >= (_FIRST_SECONDS if self.answered is None else _LATER_SECONDS)


def _opened_no_connection(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if type(error).__name__ in _UNREACHED:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
