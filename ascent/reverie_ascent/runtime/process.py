"""Detects that a process was forked: a child has none of its parent's threads, and would wait for them forever."""

from __future__ import annotations

import ctypes
import os
from weakref import WeakSet


class ForkedProcess(RuntimeError):
    """An object with threads is used in a child of the process that made it."""


class Origin:
    """The process in which an object was made. ``what`` names the object in the error."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._process = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether the current process is that process, and not a child that was forked from it."""
        return os.getpid() == self._process

    def check(self) -> None:
        """Raise ForkedProcess in a child of that process."""
        if not self.is_here:
            raise ForkedProcess(
                f"{self._what} made in process {self._process} is used in process {os.getpid()}, which was forked from"
                " it and has none of its threads; make a new one in the child, or start the child by the method"
                " 'spawn' or 'forkserver'"
            )


#: What holds sessions of ONNX Runtime in this process.
_holders: WeakSet[object] = WeakSet()


def keep_in_children(holder: object) -> None:
    """Never delete an object that holds sessions of ONNX Runtime in a forked child, not even when the child exits.

    A session waits for its threads when it is deleted, and a child has none of them.
    """
    _holders.add(holder)


def _keep() -> None:
    for holder in list(_holders):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(holder))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
