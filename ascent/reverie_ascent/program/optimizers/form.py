"""What of an optimizer decides the graph of a step, and the part that all optimizers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import fragment

Normalization: TypeAlias = Literal["none", "mean_absolute", "deviation"]

#: Added to what a gradient is divided by, so that a gradient of 0 stays 0.
TINY = 1e-30


@dataclass(frozen=True)
class OptimizerForm:
    """Which optimizer, and which of its parts are used. Recipes of one form can share a program."""

    kind: Literal["adam", "nadam", "sgd"]
    decays: bool = False
    clips: bool = False
    has_momentum: bool = False
    normalization: Normalization = "none"


def step_fragment(
    name: str,
    shape: Sequence[int],
    body: str,
    *,
    slots: Sequence[str],
    coefficients: Sequence[str],
    constants: Mapping[str, float] | None = None,
    clips: bool = False,
    bounds: tuple[float, float] | None = None,
) -> ir.Model:
    """Return the fragment state, slots, gradient, coefficients [B, 1, 1, 1] -> new_state, new_*; reach and extent [B].

    ``body`` computes ``next_state`` and new_* of the slots from ``slope``, the gradient, whose length is at most the
    coefficient ``clip_norm`` if it ``clips``. The new state is clipped to ``bounds``.

    ``reach`` is the sum of the squares of the gradient, ``extent`` that of the new state. A ``reach`` of 0 shows that
    an element has no gradient, and a sum that is not finite that it has diverged, while the state stays on the device.
    """
    state, batch = f"float[{', '.join(map(str, shape))}]", shape[0]
    each = f"float[{batch}, 1, 1, 1]"
    names = [*coefficients, *(["clip_norm"] if clips else [])]
    inputs = ", ".join([f"{state} {x}" for x in ("state", *slots, "gradient")] + [f"{each} {x}" for x in names])
    outputs = ", ".join(
        [f"{state} new_{x}" for x in ("state", *slots)] + [f"float[{batch}] {x}" for x in ("reach", "extent")]
    )
    numbers: dict[str, np.ndarray] = {k: np.array(v, np.float32) for k, v in (constants or {}).items()}
    text = "square = Mul(gradient, gradient)"
    if clips:
        text += """
        power = ReduceSum <keepdims = 1> (square, axes)
        length = Sqrt(power)
        raised = Add(length, clip_epsilon)
        most = Div(clip_norm, raised)
        share = Min(most, whole)
        slope = Mul(gradient, share)
        """
        numbers |= {"clip_epsilon": np.array(1e-6, np.float32), "whole": np.array(1, np.float32)}
    text += body if clips else body.replace("slope", "gradient")
    if bounds is not None:
        text += "new_state = Clip(next_state, lowest, highest)"
        numbers |= {"lowest": np.array(bounds[0], np.float32), "highest": np.array(bounds[1], np.float32)}
    else:
        text = text.replace("next_state", "new_state")
    text += """
        reach = ReduceSum <keepdims = 0> (square, axes)
        large = Mul(new_state, new_state)
        extent = ReduceSum <keepdims = 0> (large, axes)
        """
    return fragment(f"{name} ({inputs}) => ({outputs})", text, numbers | {"axes": np.array([1, 2, 3])})
