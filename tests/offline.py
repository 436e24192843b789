"""Runs Python in a process of its own that is killed as soon as it looks for another machine.

A filter of the Linux kernel (seccomp) does it, which needs no right and no other program. It kills a process, with
SIGSYS, that makes a socket for datagrams, as every query of the DNS does, or connects to an internet address. Listening
is allowed, and so are Unix sockets. Threads and children have the same filter.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import subprocess
import sys
from pathlib import Path

#: The numbers of the system calls `socket` and `connect`.
CALLS = {"x86_64": (41, 42), "aarch64": (198, 203)}

#: The exit status of a process that the filter has killed.
KILLED = -signal.SIGSYS

# The filter is a program for the kernel's packet filter: (operation, jump if true, jump if false, value).
LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
NUMBER, FIRST, SECOND, THIRD = 0, 16, 24, 32  # offsets of a call's number and arguments
ALLOW, KILL = 0x7FFF0000, 0x80000000


def keep_offline() -> None:
    """Filter the calls of this process from now on."""
    socket, connect = CALLS[platform.machine()]
    program = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 2, 0, socket),
        (EQUAL, 7, 0, connect),
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, FIRST),  # the family
        (EQUAL, 1, 0, 2),  # AF_INET
        (EQUAL, 0, 6, 10),  # AF_INET6
        (LOAD, 0, 0, SECOND),  # the type
        (AND, 0, 0, 0xF),
        (EQUAL, 4, 3, 2),  # SOCK_DGRAM
        (LOAD, 0, 0, THIRD),  # the length of the address
        (EQUAL, 2, 0, 16),  # of sockaddr_in
        (EQUAL, 1, 0, 28),  # of sockaddr_in6
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    wanted = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((38, 1, 0, 0, 0), (22, 2, wanted, 0, 0)):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "this kernel takes no filter")


def start(script: str, *arguments: str | Path, home: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a script offline, with an empty home folder and no variables but those given."""
    if sys.platform != "linux" or platform.machine() not in CALLS:
        import pytest  # which a child has no use for

        pytest.skip("the numbers of this machine's system calls are not known here")
    home.mkdir()
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from tests.offline import keep_offline\nkeep_offline()\n{script}",
            *map(str, arguments),
        ],
        env=own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written(home: Path) -> set[str]:
    """Return the files that a process has left in its home folder, without those of Reverie's own folders."""
    files = {path.relative_to(home) for path in home.rglob("*") if not path.is_dir()}
    return {str(path) for path in files if "reverie" not in path.parts}
