"""The measurements of the documentation; see bench/README.md."""

import os

# Before any module imports ONNX Runtime, which would otherwise send usage data; child processes inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
