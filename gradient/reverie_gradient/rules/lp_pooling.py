"""Rules for pooling by the norms of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reverie_gradient.pools import mean_back, pool_windows
from reverie_gradient.table import Call, vjp
from reverie_gradient.term import Term


@vjp("LpPool")
def _lp(call: Call) -> Sequence[Term | None]:
    """For y = (sum |x|^p)^(1/p): dx = sign(x) |x|^(p - 1) times the sum of dy / y^(p - 1) over the windows of x."""
    win, p = pool_windows(call), call.integer("p", 2)
    shared = mean_back(call, win, _over_power(call.dy, call.y, p)) * float(np.prod(win.kernel))
    return [_power_slope(call.x, p) * shared]


@vjp("GlobalLpPool")
def _global_lp(call: Call) -> Sequence[Term | None]:
    p = call.integer("p", 2)
    return [_power_slope(call.x, p) * _over_power(call.dy, call.y, p)]


def _power_slope(x: Term, p: int) -> Term:
    """Return sign(x) |x|^(p - 1)."""
    if p == 1:
        return x.apply("Sign")
    return x if p == 2 else x * x.apply("Abs").apply("Pow", float(p - 2))


def _over_power(dy: Term, y: Term, p: int) -> Term:
    """Return dy / y^(p - 1); where y is zero, so are all inputs of its window, and any finite number serves."""
    if p == 1:
        return dy
    y = y.apply("Equal", 0.0).apply("Where", y.constant(1.0), y)
    return dy / (y if p == 2 else y.apply("Pow", float(p - 1)))
