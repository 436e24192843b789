"""Imports the callable that ``package.module:callable`` names."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reverie_export.errors import BadSource, nearest
from reverie_export.sources.callables import candidates


def imported(spec: str) -> Callable[[], Any]:
    """Import the callable, from the current folder or from what is installed."""
    home, _, path = spec.partition(":")
    sys.path.insert(0, os.getcwd())  # as `python -m` does, for the user's own modules
    try:
        module: Any = importlib.import_module(home)
    except ModuleNotFoundError as e:
        near = nearest(home, _beside()) if e.name is not None and home.startswith(e.name) else ""
        raise BadSource(f"cannot import {home!r} of {spec!r}: {e}{near}") from e
    except Exception as e:
        raise BadSource(f"cannot import {home!r} of {spec!r}: {type(e).__name__}: {e}") from e
    finally:
        sys.path.pop(0)
    found = module
    for part in path.split("."):
        if not part or not hasattr(found, part):
            names = [name for name in vars(found) if name[:1] != "_"] if part else []
            stated = f"{home} has no {part!r}{nearest(part, names)}" if part else f"{spec} names no callable"
            raise BadSource(f"{stated}{_choice(module)}")
        found = getattr(found, part)
    if not callable(found):
        raise BadSource(
            f"{spec} is a {type(found).__name__}, not a callable that returns a torch.nn.Module{_choice(module)}"
        )
    return found  # type: ignore[no-any-return]


def _beside() -> list[str]:
    """Return the names of the modules in the current folder."""
    return [file.stem for file in Path().glob("*.py")] + [file.parent.name for file in Path().glob("*/__init__.py")]


def _choice(module: Any) -> str:
    """Return the end of a sentence that lists the callables of a module that may return a network."""
    file = getattr(module, "__file__", None)
    if not (known := candidates(Path(file)) if file else []):
        return ""
    return f"; it has {', '.join(known[:6])}: reverie export {module.__name__}:{known[0]} --out models"
