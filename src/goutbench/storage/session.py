"""The remote addresses of one command: local paths while it runs, addresses in what it prints."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any, Self, cast

from goutbench.errors import GoutbenchError, StorageError
from goutbench.locations import cache_root
from goutbench.storage.address import Address, RemoteConflict, remote_errors
from goutbench.storage.copy import LocalCopy

_SECONDS = 30.0
"""How much of a journal another machine may have to repeat after a loss of this one."""


class RemoteSession:
    """Local copies of addresses. Use it as a context manager, around the command.

    A command that ends with an exception of `finishing` has finished, too: it has written all its results.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        seconds: float = _SECONDS,
        finishing: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._finishing = finishing
        self._copies: list[LocalCopy] = []
        self._seconds = seconds
        self._end = threading.Event()
        self._ending = threading.Lock()
        self._conflict: RemoteConflict | None = None
        self._handler: Any = None
        self._watcher = threading.Thread(target=self._watch, name="storage", daemon=True)
        for address in sorted({*addresses}, key=lambda address: len(address.path)):
            if self._containing(address) is None:
                self._copies.append(LocalCopy(address, cache_root() / "storage"))

    def __enter__(self) -> Self:
        for copy in self._copies:
            copy.bring()
            if copy.unsent:
                copy.push(finished=True)
                print(f"notice: {copy.address}: sent the results of an earlier command", file=sys.stderr)
        if threading.current_thread() is threading.main_thread():
            # not SIGINT, which is ignored behind nohup and in background jobs of a shell
            self._handler = signal.signal(signal.SIGUSR1, signal.default_int_handler)
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        self._stop_watching()
        if self._handler is not None:
            signal.signal(signal.SIGUSR1, self._handler)
        finished = kind is None or issubclass(kind, self._finishing)
        errors = [error for copy in self._copies if (error := self._push(copy, finished=finished))]
        raised = self._conflict or (errors[0] if errors and finished else None)
        for error in errors:
            if str(error) != str(raised):
                print(f"warning: {error}", file=sys.stderr)
        if raised is not None:
            raise raised

    def _stop_watching(self) -> None:
        try:
            with self._ending:
                self._end.set()
            self._watcher.join()
        except KeyboardInterrupt:  # of the watcher, at the last moment: the conflict is what is raised
            if self._conflict is None:
                raise

    @staticmethod
    def _push(copy: LocalCopy, *, finished: bool) -> StorageError | None:
        """The error instead of raising it: one copy that cannot be sent keeps no other from it."""
        try:
            copy.push(finished=finished)
        except StorageError as error:
            return error
        return None

    def local(self, address: Address) -> Path:
        """The path of the local copy of an address."""
        copy = self._containing(address)
        assert copy is not None
        return copy.path / address.path.removeprefix(copy.address.path).lstrip("/")

    def shown(self, text: str) -> str:
        """A text with addresses in place of the local paths."""
        for copy in self._copies:
            text = text.replace(str(copy.path), str(copy.address))
        return text

    @contextmanager
    def showing_addresses(self) -> Iterator[None]:
        """Standard output, standard error and errors name addresses."""
        out, err = (cast("IO[str]", _Translated(stream, self)) for stream in (sys.stdout, sys.stderr))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                yield
        except GoutbenchError as error:
            error.what, error.where = self.shown(error.what), self.shown(error.where)
            error.hint = self.shown(error.hint)
            raise

    def _containing(self, address: Address) -> LocalCopy | None:
        inside = (c for c in self._copies if f"{address}/".startswith(f"{c.address}/"))
        return next(inside, None)

    def _watch(self) -> None:
        while not self._end.wait(self._seconds):
            for copy in self._copies:
                try:
                    copy.push(finished=False)
                except RemoteConflict as error:
                    self._end_command(error)
                    return
                except (StorageError, OSError) as error:  # the end of the command tries again
                    print(f"warning: {error}", file=sys.stderr)

    def _end_command(self, conflict: RemoteConflict) -> None:
        """Interrupt the main thread as Ctrl-C does, so that no more calls are paid for."""
        with self._ending:
            if not self._end.is_set():
                self._conflict = conflict
                if self._handler is not None:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def expanded(address: Address) -> list[Address]:
    """The addresses that a pattern with `*` matches, in order; the address itself without one."""
    if "*" not in address.key:
        return [address]
    with remote_errors(str(address)):
        paths = sorted(address.open().glob(address.path))
    return [Address(address.scheme, *str(path).split("/", 1)) for path in paths] or [address]


class _Translated:
    """A stream that shows addresses; in everything else the stream behind it."""

    def __init__(self, stream: IO[str], session: RemoteSession) -> None:
        self._stream, self._session = stream, session

    def write(self, text: str) -> int:
        return self._stream.write(self._session.shown(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
