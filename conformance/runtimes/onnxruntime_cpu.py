"""ONNX Runtime on the CPU, in the installed release."""

from __future__ import annotations

import onnxruntime

from conformance.runtimes.contract import Graph, Outputs, Run

PROVIDER = "CPUExecutionProvider"


def version() -> str:
    """Return the release."""
    return str(onnxruntime.__version__)


def load(graph: Graph) -> Run:
    """Load a graph with its sizes fixed."""
    return wrap(onnxruntime.InferenceSession(str(graph.path), session_options(graph), providers=[PROVIDER]), graph)


def session_options(graph: Graph) -> onnxruntime.SessionOptions:
    """Return options that fix the sizes of a graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for name, size in graph.sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    return options


def wrap(session: onnxruntime.InferenceSession, graph: Graph) -> Run:
    """Return a function that runs a session once."""

    def run() -> Outputs:
        return dict(zip(graph.outputs, session.run(list(graph.outputs), dict(graph.feeds)), strict=True))

    return run
