"""Read an untrusted .onnx file in another process, under limits of memory and time.

The libraries that read ONNX are native code. A file that crashes them or asks for terabytes ends that process, and the
caller gets an exception with one sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reverie_export import errors
from reverie_export.errors import BadSource

MEMORY = 1_750_000_000  # bytes, and four times the file's own size
SECONDS = 120.0  # of processor time after the imports, and one more for each megabyte
# A deadlock takes no processor time. On a busy machine this much more time passes than is used.
CLOCK_FACTOR = 50
STARTING = 5.0  # seconds of processor time that the start of a process takes at most
# Exit codes after SIGXCPU and SIGKILL, names that Python does not have on Windows.
CPU_LIMIT, KILLED = -24, -9


def survey_in_sandbox(
    path: Path,
    overrides: Mapping[str, Any],
    *,
    layers: Sequence[str] = (),
    self_test: bool = False,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Return the survey of the file at ``path`` as JSON, made by `sandbox_child` in another process.

    ``seconds`` of processor time are allowed, by default as many as the file's size calls for. The imports do not
    count.

    Raises ExportError: what is wrong with the file, or that reading it crashed the process or took too long.
    """
    seconds = seconds or SECONDS + _all_bytes(path) / 1e6
    request = {
        "path": str(path),
        "overrides": dict(overrides),
        "layers": list(layers),
        "self_test": self_test,
        "limits": {"memory": MEMORY + 4 * _all_bytes(path), "seconds": seconds},
    }
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY") or "1"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "reverie_export.sandbox_child"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=CLOCK_FACTOR * (seconds + STARTING),
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        passed = CLOCK_FACTOR * (seconds + STARTING)
        raise BadSource(
            f"cannot read {path}: it is not read after {passed:.0f} seconds; --seconds allows more"
        ) from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise BadSource(_crashed(path, done.returncode, done.stderr, seconds)) from None
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return answer


def _all_bytes(path: Path) -> int:
    """Return the bytes of the file and of those beside it that may be its external data."""
    if not path.is_file():
        return 0
    beside = [p for p in path.parent.iterdir() if p.is_file() and p.name.startswith(path.stem)]
    return max(path.stat().st_size, sum(p.stat().st_size for p in beside))


def _crashed(path: Path, code: int, stderr: str, seconds: float) -> str:
    if code == CPU_LIMIT:
        return _too_slow(path, seconds)
    if "MemoryError" in stderr or "bad_alloc" in stderr:
        return f"cannot read {path}: it asks for more memory than a file of its size may"
    if code == KILLED:
        return f"cannot read {path}: the process that reads it was killed, as systems do that have no memory left"
    return f"cannot read {path}: it breaks the libraries that read ONNX; it is damaged, or made to do so"


def _too_slow(path: Path, seconds: float) -> str:
    return (
        f"cannot read {path}: it takes more than {seconds:.0f} seconds of processor time to make sense of;"
        f" --seconds {4 * seconds:.0f} allows more"
    )
