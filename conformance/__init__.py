"""Runs the same graphs in every available runtime, and compares them with other sources of gradients."""

import os

# Before any module imports ONNX Runtime, which would otherwise send usage data; child processes inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
