"""Runs the Python blocks of a page in a process of their own: what they change stays there."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import multiprocessing
import os
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Interpreter:
    """An interpreter in a folder, which keeps the names of one block for the next."""

    def __init__(self, folder: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_answer, args=(theirs, folder))
        self._process.start()
        theirs.close()

    def run(self, text: str) -> str:
        """Run a block and return what it printed; `await` may stand outside functions."""
        self._ours.send(text)
        printed, error = self._ours.recv()
        assert not error, error
        return str(printed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join()


def _answer(connection: Connection, folder: Path) -> None:
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.suppress(EOFError):
        while text := connection.recv():
            out, error = io.StringIO(), ""
            try:
                with contextlib.redirect_stdout(out):
                    code = compile(text, "a block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                    if code.co_flags & inspect.CO_COROUTINE:
                        asyncio.run(eval(code, names))
                    else:
                        exec(code, names)
            except BaseException:
                error = traceback.format_exc()
            connection.send((out.getvalue(), error))
