"""Gradient ascent: x <- x + rate u, with u <- momentum u + g, or g divided by a measure of its size.

The size is the mean of the absolute values, as in DeepDream, or the standard deviation, which is at least a tenth of
the root of the mean square: a gradient that is the same everywhere has no deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from reverie_ascent.program.optimizers.form import TINY, Normalization, OptimizerForm, step_fragment
from reverie_ascent.recipe.optimizer import Sgd

FLAT = 0.01  # a tenth, squared

SIZES: Mapping[Normalization, str] = {
    "none": "",
    "mean_absolute": """
        absolute = Abs(slope)
        size = ReduceMean <keepdims = 1> (absolute, axes)
        """,
    # The gradient is divided by its largest number first, because squares of small numbers are 0 in float32.
    "deviation": """
        absolute = Abs(slope)
        largest = ReduceMax <keepdims = 1> (absolute, axes)
        raised_largest = Add(largest, tiny)
        even = Div(slope, raised_largest)
        middle = ReduceMean <keepdims = 1> (even, axes)
        from_middle = Sub(even, middle)
        squares = Mul(from_middle, from_middle)
        variance = ReduceMean <keepdims = 1> (squares, axes)
        even_squares = Mul(even, even)
        energy = ReduceMean <keepdims = 1> (even_squares, axes)
        least = Mul(energy, flat)
        raised_variance = Max(variance, least)
        deviation = Sqrt(raised_variance)
        size = Mul(deviation, raised_largest)
        """,
}


def form(optimizer: Sgd) -> OptimizerForm:
    """Return what decides the graph."""
    return OptimizerForm("sgd", has_momentum=optimizer.momentum > 0, normalization=optimizer.normalization)


def graph(form: OptimizerForm, shape: Sequence[int], bounds: tuple[float, float] | None) -> ir.Model:
    """Return the fragment of a step; its coefficients are rate and, with momentum, momentum and share."""
    normalized = form.normalization != "none"
    body, unit = SIZES[form.normalization], "unit" if normalized else "slope"
    if normalized:
        body += "raised = Add(size, tiny) unit = Div(slope, raised)"
    if form.has_momentum:
        body += f"kept_u = Mul(momentum, u) more_u = Mul(share, {unit}) new_u = Add(kept_u, more_u)"
    moved = "new_u" if form.has_momentum else unit
    body += f"stride = Mul(rate, {moved}) next_state = Add(state, stride)"
    return step_fragment(
        "sgd",
        shape,
        body,
        slots=("u",) if form.has_momentum else (),
        coefficients=("rate", "momentum", "share") if form.has_momentum else ("rate",),
        constants={"tiny": TINY, "flat": FLAT} if normalized else {},
        bounds=bounds,
    )


def coefficients(optimizer: Sgd, rate: float, step: int) -> dict[str, float]:
    """Return the coefficients for a learning rate."""
    return {"rate": rate} | ({"momentum": optimizer.momentum, "share": 1.0} if optimizer.momentum > 0 else {})


def idle(form: OptimizerForm) -> dict[str, float]:
    """Return coefficients that leave the state and the slots as they are."""
    return {"rate": 0.0} | ({"momentum": 1.0, "share": 0.0} if form.has_momentum else {})
