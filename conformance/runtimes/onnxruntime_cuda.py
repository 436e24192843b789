"""ONNX Runtime on an NVIDIA GPU, without TF32."""

from __future__ import annotations

import onnxruntime

from conformance.runtimes.contract import Graph, Run
from conformance.runtimes.onnxruntime_cpu import session_options, wrap

PROVIDER = "CUDAExecutionProvider"


def version() -> str:
    """Return the release."""
    return str(onnxruntime.__version__)


def load(graph: Graph) -> Run:
    """Load a graph with its sizes fixed; a node that only the CPU can run is an error."""
    onnxruntime.preload_dlls()
    options = session_options(graph)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return wrap(
        onnxruntime.InferenceSession(str(graph.path), options, providers=[(PROVIDER, {"use_tf32": "0"})]), graph
    )
