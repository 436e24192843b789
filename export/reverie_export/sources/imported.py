"""Imports the callable that ``package.module:callable`` names."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from reverie_export.errors import BadSource, nearest


def imported(spec: str) -> Callable[[], Any]:
    """Import the callable, from the current folder or from what is installed."""
    home, _, path = spec.partition(":")
    sys.path.insert(0, os.getcwd())  # as `python -m` does, for the user's own modules
    try:
        found: Any = importlib.import_module(home)
    except Exception as e:
        raise BadSource(f"cannot import {home!r} of {spec!r}: {type(e).__name__}: {e}") from e
    finally:
        sys.path.pop(0)
    for part in path.split("."):
        if not hasattr(found, part):
            raise BadSource(f"{home} has no {part!r}{nearest(part, [n for n in vars(found) if n[:1] != '_'])}")
        found = getattr(found, part)
    if not callable(found):
        raise BadSource(f"{spec} is a {type(found).__name__}, not a callable that returns a torch.nn.Module")
    return found  # type: ignore[no-any-return]
