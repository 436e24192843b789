"""The process that `sandbox` starts: it reads a request from standard input and writes the survey of a file as JSON."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reverie_export.errors import ExportError
from reverie_export.self_test import warnings_about
from reverie_export.sources.open import Overrides, open_onnx_file
from reverie_export.survey import survey

try:
    import resource
except ImportError:  # Windows has no limits but that of time, which the parent sets
    resource = None  # type: ignore[assignment]


HARD_AFTER_S = 5


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the survey of the file, or the kind of an ExportError and its message."""
    overrides = dict(request["overrides"])
    for key in ("size", "mean", "std", "range"):
        overrides[key] = tuple(overrides[key]) if overrides.get(key) is not None else None
    overrides["preprocessing"] = Path(overrides["preprocessing"]) if overrides.get("preprocessing") else None
    path = Path(request["path"])
    try:
        source = open_onnx_file(path, Overrides(**overrides))
        warnings = warnings_about(source) if request["self_test"] else []
        return asdict(survey(source, request["layers"], warnings))
    except ExportError as e:
        text = str(e)
        return {"error": type(e).__name__, "message": text if str(path) in text else f"{path}: {text}"}
    except MemoryError:
        return _bad(path, "it asks for more memory than a file of its size may")
    except Exception as e:  # a file that contradicts itself makes libraries raise anything
        return _bad(path, f"it contradicts itself: {type(e).__name__}: {' '.join(str(e).split())[:200]}")


def _bad(path: Path, problem: str) -> dict[str, Any]:
    return {"error": "BadSource", "message": f"cannot read {path}: {problem}"}


def limit(*, memory: int, seconds: float) -> None:
    """Limit this process to so many bytes of memory, and to so many seconds of processor time from now on.

    At the soft limit of time the system ends the process with SIGXCPU. At the hard one it would be SIGKILL, which tells
    nobody the reason; so the hard limit is higher.
    """
    if resource is None:
        return
    soft = math.ceil(time.process_time() + seconds)
    for kind, wanted in (
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_CPU, (soft, soft + HARD_AFTER_S)),
        (resource.RLIMIT_CORE, (0, 0)),
    ):
        most = resource.getrlimit(kind)[1]
        lower = [n if most == resource.RLIM_INFINITY else min(n, most) for n in wanted]
        resource.setrlimit(kind, (lower[0], lower[1]))


def _main() -> None:
    request = json.load(sys.stdin)
    limit(**request["limits"])
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    _main()
