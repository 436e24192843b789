"""OpenVINO on the CPU, in float32."""

from __future__ import annotations

import openvino

from conformance.runtimes.contract import Graph, Outputs, Run


def version() -> str:
    """Return the release."""
    return str(openvino.__version__)


def load(graph: Graph) -> Run:
    """Load a graph with its sizes fixed."""
    core = openvino.Core()
    model = core.read_model(graph.path)
    model.reshape({name: list(array.shape) for name, array in graph.feeds.items()})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run() -> Outputs:
        found = compiled(dict(graph.feeds))
        return {name: found[name] for name in graph.outputs}

    return run
