"""ONNX Runtime, imported with its telemetry off unless the user turned it on.

From version 1.32 the import alone writes an identifier of the machine into the user's cache, and some seconds later
ONNX Runtime asks the DNS for its collector. It reads the environment variable ORT_DISABLE_TELEMETRY during the import
and not afterwards, so the variable is set for the import only: other code of the process sees it unchanged. A value
that the user has set decides, and if other code has imported ONNX Runtime before, that import has decided.

All code of ours gets ONNX Runtime from this module.
"""

from __future__ import annotations

import os
import sys
from typing import Any

TELEMETRY = "ORT_DISABLE_TELEMETRY"

#: What ONNX Runtime reads as "off"; it takes every other value for "on", the empty one too.
OFF = ("1", "true", "on", "yes")


def _load() -> tuple[Any, bool]:
    """Return ONNX Runtime, and whether its telemetry may be on."""
    value = os.environ.get(TELEMETRY)
    guarded = not value and "onnxruntime" not in sys.modules
    if guarded:
        os.environ[TELEMETRY] = "1"
    try:
        import onnxruntime
    finally:
        if guarded:
            if value is None:
                del os.environ[TELEMETRY]
            else:
                os.environ[TELEMETRY] = value
    return onnxruntime, not guarded and (value or "").strip().lower() not in OFF


onnxruntime: Any
#: Whether ONNX Runtime may send usage data, as far as the environment tells.
telemetry_on: bool
onnxruntime, telemetry_on = _load()
