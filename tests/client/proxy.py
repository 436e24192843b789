"""A TCP proxy whose connections a test can cut."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# SO_LINGER with a timeout of 0 makes close() send RST instead of FIN.
ABORT = struct.pack("ii", 1, 0)


class Proxy:
    """Copies bytes between its own port and a server's port, until :meth:`cut`."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.address = "127.0.0.1:{1}".format(*self._listener.getsockname())
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, and keep accepting new ones."""
        with self._lock:
            cut, self._open = self._open, []
        for each in cut:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from the socket
            each.close()

    def close(self) -> None:
        """Accept no new connections, and reset the existing ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                with self._lock:
                    self._open += [near, far]
                    self.connections += 1
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server until the block ends."""
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()
