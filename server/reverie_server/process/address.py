"""The address of a server: whether it is free, and whether only this machine can reach it."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNIX = "unix:"

TAKEN = "another server has that {kind}; stop it, or choose another {kind} with --listen"


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"cannot listen on {address}: {problem}")


@contextmanager
def reserved(address: str) -> Iterator[None]:
    """Check that an address is free, and let no other Reverie take it while the block lasts; raise CannotListen.

    gRPC accepts port 99999 and names no reason, and it replaces the socket file of a server that still runs.
    """
    if not address.startswith(UNIX):
        if problem := _port_problem(address):
            raise CannotListen(address, problem)
        yield
        return
    path = Path(address.removeprefix(UNIX).removeprefix("//"))
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise CannotListen(address, f"{path.parent} is not a writable folder")
    with _locked(path.resolve().with_name(path.name + ".lock"), address):
        if problem := _socket_problem(path):
            raise CannotListen(address, problem)
        yield


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address whose host exists."""
    if address.startswith(UNIX):
        return True
    host = address.rpartition(":")[0].strip("[]")
    addresses = {str(where[0]) for *_, where in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in addresses)


def _port_problem(address: str) -> str:
    """Return why a port cannot be listened on, or an empty string. A name may stand for several addresses."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        return "an address is HOST:PORT, such as 127.0.0.1:50051, or unix:PATH"
    try:
        places = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except socket.gaierror:
        return f"there is no host {host!r}"
    problems = []
    for family, kind, protocol, _, where in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # As gRPC does, so that a port is free as soon as it is closed.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return TAKEN.format(kind="port")
            problems.append(error.strerror or str(error))
    # gRPC is content with one of the addresses: a machine may have no IPv6.
    return problems[0] if len(problems) == len(places) else ""


def _socket_problem(path: Path) -> str:
    """Return why a socket file cannot be made; the file of a server that was killed is no obstacle."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return f"{path} is there and is not a socket; remove it, or choose another path with --listen"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return ""
    except BlockingIOError:  # so many clients wait that there is no room for one more
        return TAKEN.format(kind="path")
    except OSError as error:
        return error.strerror or str(error)
    return TAKEN.format(kind="path")


@contextmanager
def _locked(lock: Path, address: str) -> Iterator[None]:
    """Hold a lock file, so that of two servers that start at the same moment one is refused."""
    import fcntl  # not on Windows, where gRPC has no unix sockets

    while True:
        try:
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotListen(address, f"{lock}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CannotListen(address, TAKEN.format(kind="path")) from error
            if _is_at(held, lock):  # and not a file that its last holder has just removed
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return
        finally:
            os.close(held)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
