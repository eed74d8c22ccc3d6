"""An S3 server on loopback, behind a connection that can be cut in the middle of a request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moto.server import ThreadedMotoServer

BUCKET = "bucket"


class Wire:
    """Forwards connections to a server, until `cut_after` bytes have been sent to it; then it is down."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.cut_after: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.cut_after is not None and self.cut_after <= 0:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink, counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._copy, args=(source, sink, counted), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if counted and self.cut_after is not None:
                    data = data[: max(self.cut_after, 0)]
                    self.cut_after -= 4096
                    if not data:
                        break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def s3_server() -> Iterator[Wire]:
    """The wire to a server with one bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    wire = Wire(server.get_host_and_port()[1])
    try:
        yield wire
    finally:
        wire.close()
        server.stop()
