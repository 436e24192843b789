"""What was measured about a machine, kept in the user's cache: the same for all processes, and measured once."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

log = logging.getLogger(__name__)

T = TypeVar("T")


def kept(name: str, measure: Callable[[], T], to_json: Callable[[T], Any], from_json: Callable[[Any], T]) -> T:
    """Return what the file ``name`` holds, or else measure it and keep it.

    A damaged file is measured anew. Where none can be written every process measures for itself.
    """
    path = Path(platformdirs.user_cache_dir("reverie")) / f"{name}.json"
    found = _read(path, from_json)
    if found is not None:
        return found
    begun = time.perf_counter()
    measured = measure()
    log.info("measured this machine in %.1f s; kept in %s", time.perf_counter() - begun, path)
    try:
        _keep(path, to_json(measured))
    except OSError as error:
        log.warning(
            "%s cannot be written (%s): every process will measure anew, and may render other bits", path, error
        )
    found = _read(path, from_json)  # another process may have been faster; all use the same
    return measured if found is None else found


def _read(path: Path, from_json: Callable[[Any], T]) -> T | None:
    try:
        return from_json(json.loads(path.read_text()))
    except OSError:
        return None  # none is there
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("%s cannot be used (%s); measuring again", path, error)
        path.unlink(missing_ok=True)
        return None


def _keep(path: Path, figures: Any) -> None:
    """Write the figures, unless another process has done so meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(figures, indent=1))
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
