"""Addresses that are free, taken, or left behind by a server that was killed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from reverie_server.process.address import CannotListen, reserved


@contextmanager
def listening(path: Path, *, waiting: int = 0) -> Iterator[None]:
    """Listen on a unix socket as a server of another kind does, with clients that it does not answer."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(path))
        server.listen(0)
        for _ in range(waiting):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect_ex(str(path))
        yield


@pytest.mark.parametrize("waiting", [0, 3])
@pytest.mark.parametrize("scheme", ["unix:", "unix://"])
def test_a_socket_of_a_server_that_runs_is_taken(tmp_path: Path, scheme: str, waiting: int) -> None:
    path = tmp_path / "socket"
    with (
        listening(path, waiting=waiting),
        pytest.raises(CannotListen, match="another server has that path; stop it, or choose another"),
        reserved(f"{scheme}{path}"),
    ):
        pass
    assert path.is_socket()


def test_a_socket_file_of_a_killed_server_is_no_obstacle(tmp_path: Path) -> None:
    with listening(tmp_path / "socket"):
        pass
    (tmp_path / "socket.lock").write_bytes(b"")
    with reserved(f"unix:{tmp_path}/socket"):
        pass
    assert not (tmp_path / "socket.lock").exists()


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CannotListen, match="is there and is not a socket"), reserved(f"unix:{tmp_path}/file"):
        pass
    assert (tmp_path / "file").read_text() == "precious"


def test_of_two_servers_that_start_at_once_one_is_refused(tmp_path: Path) -> None:
    """Neither listens yet; the second one names the folder by a link."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with reserved(f"unix:{tmp_path}/folder/socket"):
        with (
            pytest.raises(CannotListen, match="another server has that path"),
            reserved(f"unix:{tmp_path}/link/socket"),
        ):
            pass
        with reserved(f"unix:{tmp_path}/folder/other"):
            pass
    with reserved(f"unix:{tmp_path}/link/socket"):
        pass


# The address that another server has, and the one that is asked for.
PORTS = [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "localhost")]


@pytest.mark.parametrize(("taken", "wanted"), PORTS)
@pytest.mark.parametrize("shares", [False, True], ids=["", "SO_REUSEPORT"])
def test_a_port_of_another_server_is_taken(taken: str, wanted: str, shares: bool) -> None:
    with socket.socket() as other:
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((taken, 0))
        other.listen()
        address = f"{wanted}:{other.getsockname()[1]}"
        with pytest.raises(CannotListen, match="another server has that port"), reserved(address):
            pass
