"""Look at a network in a process of its own, which may die.

The libraries that read ONNX are native code. A file that was made to break them, or that asks for terabytes, takes this
process down and not the one that a user talks to: that one gets a sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reverie_export import errors
from reverie_export.errors import BadSource, ExportError

MEMORY = 1_750_000_000  # bytes, and four times the file's own size
SECONDS = 8.0  # of processor time, and one more for each megabyte
try:
    import resource
except ImportError:  # on Windows there are no limits but that of time
    resource = None  # type: ignore[assignment]


def vet(
    path: Path,
    overrides: Mapping[str, Any],
    *,
    layers: Sequence[str] = (),
    self_test: bool = False,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Return the survey of the file at ``path`` as JSON, made in another process.

    Raises ExportError: what is wrong with the file, or that reading it broke the process, or took too long.
    """
    size = path.stat().st_size if path.is_file() else 0
    seconds = seconds or SECONDS + size / 1e6
    request = {
        "path": str(path),
        "overrides": dict(overrides),
        "layers": list(layers),
        "self_test": self_test,
        "limits": {"memory": MEMORY + 4 * _all_bytes(path), "seconds": int(seconds + 1)},
    }
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "reverie_export.sandbox"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=6 * seconds,  # of a busy machine
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadSource(_too_long(path, seconds)) from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise BadSource(_died(path, done.returncode, done.stderr, seconds)) from None
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return answer


def _all_bytes(path: Path) -> int:
    """Bytes of the file and of those beside it that may be its external data."""
    if not path.is_file():
        return 0
    beside = [p for p in path.parent.iterdir() if p.is_file() and p.name.startswith(path.stem)]
    return max(path.stat().st_size, sum(p.stat().st_size for p in beside))


def _died(path: Path, code: int, stderr: str, seconds: float) -> str:
    if resource is not None and code == -24:  # SIGXCPU
        return _too_long(path, seconds)
    if "MemoryError" in stderr or "bad_alloc" in stderr or code == -9:
        return f"cannot read {path}: it asks for more memory than a file of its size may"
    return f"cannot read {path}: it breaks the libraries that read ONNX; it is damaged, or made to do so"


def _too_long(path: Path, seconds: float) -> str:
    return f"cannot read {path}: it takes more than {seconds:.0f} seconds to make sense of"


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked, in this process."""
    from reverie_export.self_test import warnings_about
    from reverie_export.sources.open import Overrides, open_onnx_file
    from reverie_export.survey import survey

    said = dict(request["overrides"])
    for key in ("mean", "std", "range"):
        said[key] = tuple(said[key]) if said.get(key) is not None else None
    said["preprocessing"] = Path(said["preprocessing"]) if said.get("preprocessing") else None
    path = Path(request["path"])
    try:
        source = open_onnx_file(path, Overrides(**said))
        warnings = warnings_about(source) if request["self_test"] else []
        return asdict(survey(source, request["layers"], warnings))
    except ExportError as e:
        text = str(e)
        return {"error": type(e).__name__, "message": text if str(path) in text else f"{path}: {text}"}
    except MemoryError:
        return {
            "error": "BadSource",
            "message": f"cannot read {path}: it asks for more memory than a file of its size may",
        }
    except Exception as e:  # whatever a file that is not what it seems makes a library say
        told = " ".join(str(e).split())[:200]
        return {
            "error": "BadSource",
            "message": f"cannot read {path}: it contradicts itself: {type(e).__name__}: {told}",
        }


def _main() -> None:
    request = json.load(sys.stdin)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (request["limits"]["memory"],) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (request["limits"]["seconds"],) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    _main()
