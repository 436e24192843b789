"""ONNX's reference evaluator in numpy, which is not made for speed."""

from __future__ import annotations

import onnx
from onnx.reference import ReferenceEvaluator

from conformance.runtimes.contract import Graph, Outputs, Run


def version() -> str:
    """Return the release of onnx."""
    return str(onnx.__version__)


def load(graph: Graph) -> Run:
    """Load a graph; its free dimensions stay free."""
    evaluator = ReferenceEvaluator(onnx.load(graph.path))

    def run() -> Outputs:
        found = evaluator.run(list(graph.outputs), dict(graph.feeds))
        return dict(zip(graph.outputs, found, strict=True))

    return run
