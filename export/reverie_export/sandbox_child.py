"""The process that `sandbox` starts: it reads a request from standard input and writes the survey of a file as JSON."""

from __future__ import annotations

import json
import sys
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


def _main() -> None:
    request = json.load(sys.stdin)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (request["limits"]["memory"],) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (request["limits"]["seconds"],) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    _main()
