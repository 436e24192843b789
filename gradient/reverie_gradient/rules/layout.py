"""Rules for operators that move elements and change none: their gradients move them back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.shapes import reshape_like, sum_to
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("Flatten", "Reshape", "Squeeze", "Unsqueeze")
def _reshape(call: Call) -> Sequence[Term | None]:
    return [reshape_like(call.dy, call.x)]


@vjp("Transpose")
def _transpose(call: Call) -> Sequence[Term | None]:
    perm = call.integers("perm") or tuple(reversed(range(call.x.rank)))
    return [call.dy.apply("Transpose", perm=[int(i) for i in np.argsort(perm)])]


@vjp("Expand")
def _expand(call: Call) -> Sequence[Term | None]:
    return [sum_to(call.dy, call.y.dims, call.x)]
