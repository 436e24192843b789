"""The version of Reverie that is installed."""

from __future__ import annotations

import importlib.metadata


def version() -> str:
    """Return the installed version, or "0+source" when the source runs without being installed."""
    try:
        return importlib.metadata.version("reverie")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"
