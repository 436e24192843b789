"""Closes the connection of a client, which gRPC's Python server offers no way to do."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

log = logging.getLogger(__name__)

#: Where Linux lists the open files of this process.
DESCRIPTORS = Path("/proc/self/fd")


def close(peer: str) -> bool:
    """Shut down the TCP connection of a gRPC peer such as ``ipv4:192.0.2.1:43210``; return whether it was found.

    Its calls then end, and gRPC frees what waits for them. Connections through a unix socket have no address and are
    not found, nor is any where the system does not list its open files.
    """
    wanted = _address(peer)
    if wanted is None:
        return False
    for connection in _connections():
        with connection, contextlib.suppress(OSError):
            host, port, *_ = connection.getpeername()
            if (str(host).removeprefix("::ffff:"), port) == wanted:  # a socket of both protocols writes IPv4 like that
                log.warning("the connection of %s is closed: it does not read, and others wait for its memory", peer)
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _address(peer: str) -> tuple[str, int] | None:
    kind, _, where = peer.partition(":")
    host, _, port = unquote(where).rpartition(":")
    return (
        (host.strip("[]").removeprefix("::ffff:"), int(port)) if kind in ("ipv4", "ipv6") and port.isdecimal() else None
    )


def _connections() -> Iterator[socket.socket]:
    """Yield a duplicate of every socket of the internet protocols that this process has open."""
    if not DESCRIPTORS.is_dir():
        return
    for entry in os.listdir(DESCRIPTORS):
        with contextlib.suppress(OSError):
            if os.readlink(DESCRIPTORS / entry).startswith("socket:"):
                duplicate = socket.socket(fileno=os.dup(int(entry)))
                if duplicate.family in (socket.AF_INET, socket.AF_INET6):
                    yield duplicate
                else:
                    duplicate.close()
