"""Masks that pass a gradient where the forward pass had a positive or a maximal value.

ONNX Runtime's CPU kernels keep convolution, pooling, Add, Mul and HardSigmoid in one blocked layout (NCHWc), and
reorder the whole tensor twice around Greater, Equal, Where or Sub. A float32 mask is therefore a HardSigmoid,
max(0, min(1, alpha * x + beta)), so steep that its result is 0 or 1. Its alpha is a float32 whatever the tensor's type,
too small for float64, and in float16 it would overflow (inf * 0 is NaN): other types use a comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from reverie_gradient.remainder import padded
from reverie_gradient.term import Term

# Just below the largest float32: exact for every |x| above 3.4e-39, that is for all but the smallest subnormal numbers.
STEEP = 3e38
# Used for 0: OpenVINO 2026 treats a beta of 0 as one that is not given, 0.5, and every gradient would be halved.
BARELY_BELOW = -1.2e-38


def where_positive(r: Term, g: Term) -> Term:
    """Return ``g`` where ``r`` > 0 and zero elsewhere; ``r`` is not negative."""
    if (found := padded(g)) is not None:
        remainder, core = found
        return remainder.append(where_positive(remainder.cut(r), core))
    if r.dtype == ir.DataType.FLOAT:
        return g * r.apply("HardSigmoid", alpha=STEEP, beta=BARELY_BELOW)
    return r.apply("Greater", 0.0).apply("Where", g, 0.0)


def where_maximal(x: Term, top: Term, g: Term, enlarge: Callable[[Term], Term]) -> Term:
    """Return ``enlarge(g)`` where ``x`` reaches ``enlarge(top)``, which it never exceeds, and zero elsewhere.

    ``top`` and ``g`` are [N, C, ...] with C known if it can be.
    """
    channels = top.dims[1]
    if x.dtype == ir.DataType.FLOAT and top.rank == 4 and isinstance(channels, int):
        below = x + enlarge(_negated(top, channels))
        return enlarge(g) * below.apply("HardSigmoid", alpha=STEEP, beta=1.0)
    return x.apply("Equal", enlarge(top)).apply("Where", enlarge(g), 0.0)


def _negated(x: Term, channels: int) -> Term:
    """Return -x for a blocked [N, C, H, W] tensor without leaving its layout.

    Neg and Sub would force reorders. A 1x1 depthwise convolution would not, but GPUs may round it to TF32, and no
    maximum would equal itself any more. BatchNormalization (scale -1, mean 0, variance 1) is the operator that ONNX
    Runtime's CPU runs as that convolution and that GPUs compute in full float32.
    """
    scale, zero, one = (x.constant(np.full(channels, v)) for v in (-1, 0, 1))
    return x.apply("BatchNormalization", scale, zero, zero, one, epsilon=0.0)
