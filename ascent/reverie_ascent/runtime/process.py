"""Detects that a process was forked: a child has none of its parent's threads, and would wait for them forever."""

from __future__ import annotations

import os


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
