"""Rewrites graphs that are given as text, runs both forms, and returns their difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
import onnx_ir as ir
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import dims, settle
from reverie_ascent.lowering.rules import lowerable
from reverie_ascent.lowering.to_rows import rewrite
from reverie_ascent.runtime.session import Session, choose_device

Arrays = Mapping[str, np.ndarray]


def run(model: ir.Model, feeds: Arrays) -> dict[str, np.ndarray]:
    """Check a graph with ONNX's checker, and run it."""
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    return Session(model, choose_device("cpu", threads=1)).run(feeds)


def lower_all(model: ir.Model) -> list[str]:
    """Lower every node that has a form on rows, at any cost; return the operators of these nodes."""
    settle(model)
    lowered = [node for node in model.graph if lowerable(node)]
    rewrite(model, lowered)
    return [node.op_type for node in lowered]


def error(got: np.ndarray, expected: np.ndarray) -> float:
    """Return the relative L2 error."""
    assert got.shape == expected.shape
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def noise(model: ir.Model, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Return random numbers for each input."""
    rng = np.random.default_rng(seed)
    return {str(v.name): rng.standard_normal(dims(v) or ()).astype(np.float32) for v in model.graph.inputs}


def both(signature: str, body: str, constants: Arrays, change: Callable[[ir.Model], object]) -> tuple[float, ir.Model]:
    """Return the largest error of an output of the rewritten graph against the original, and the rewritten graph."""
    plain, changed = (fragment(signature, body, constants) for _ in range(2))
    feeds = noise(plain)
    change(changed)
    expected, got = run(plain, feeds), run(changed, feeds)
    assert list(got) == list(expected)
    return max(error(got[name], expected[name]) for name in expected), changed
