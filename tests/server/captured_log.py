"""Captures the log in the format of `reverie serve`."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reverie_server.process import logs


@contextmanager
def logging_as(form: str) -> Iterator[io.StringIO]:
    """Write the log of all libraries as `console` or `json` lines into a text, until the block ends."""
    root = logging.getLogger()
    handlers, level, written = list(root.handlers), root.level, io.StringIO()
    logs.configure(form, "info", written)
    try:
        yield written
    finally:
        root.handlers[:], root.level = handlers, level
