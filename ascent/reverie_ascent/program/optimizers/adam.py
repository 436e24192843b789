"""Adam (Kingma and Ba 2014, arXiv:1412.6980), ascending.

It has TensorFlow's form, which Lucid uses, with the bias corrections in the rate:

    m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2        x <- x + rate m / (sqrt(v) + eps)
    rate = learning rate * sqrt(1 - b2^t) / (1 - b1^t)            at step t = 1, 2, ...

PyTorch adds epsilon after the correction: that is the same with eps sqrt(1 - b2^t). AdamW (Loshchilov and Hutter 2019)
multiplies x by 1 - learning rate * weight decay first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from reverie_ascent.program.optimizers.form import OptimizerForm, step_fragment
from reverie_ascent.recipe.optimizer import Adam

SLOTS = ("m", "v")


def form(optimizer: Adam) -> OptimizerForm:
    """Return what decides the graph."""
    return OptimizerForm("adam", decays=optimizer.weight_decay > 0, clips=optimizer.clip_norm > 0)


def graph(form: OptimizerForm, shape: Sequence[int], bounds: tuple[float, float] | None) -> ir.Model:
    """Return the fragment of a step; its coefficients are rate, b1, b2, epsilon and, if used, kept and clip_norm."""
    body = """
        energy = Mul(slope, slope)
        rest1 = Sub(one, b1)
        rest2 = Sub(one, b2)
        kept_m = Mul(b1, m)
        more_m = Mul(rest1, slope)
        new_m = Add(kept_m, more_m)
        kept_v = Mul(b2, v)
        more_v = Mul(rest2, energy)
        new_v = Add(kept_v, more_v)
        root = Sqrt(new_v)
        deviation = Add(root, epsilon)
        direction = Div(new_m, deviation)
        stride = Mul(rate, direction)
        """
    if not form.clips:
        body = body.replace("energy = Mul(slope, slope)", "").replace("energy", "square")
    body += (
        "kept_state = Mul(state, kept) next_state = Add(kept_state, stride)"
        if form.decays
        else ("next_state = Add(state, stride)")
    )
    names = ("rate", "b1", "b2", "epsilon", *(("kept",) if form.decays else ()))
    return step_fragment(
        "adam",
        shape,
        body,
        slots=SLOTS,
        coefficients=names,
        constants={"one": 1.0},
        clips=form.clips,
        bounds=bounds,
    )


def coefficients(optimizer: Adam, rate: float, step: int) -> dict[str, float]:
    """Return the coefficients at step 1, 2, ... for its learning rate."""
    unbiased = math.sqrt(1 - optimizer.beta2**step)
    return {
        "rate": rate * unbiased / (1 - optimizer.beta1**step),
        "b1": optimizer.beta1,
        "b2": optimizer.beta2,
        "epsilon": optimizer.epsilon * unbiased if optimizer.torch_epsilon else optimizer.epsilon,
        **({"kept": 1 - rate * optimizer.weight_decay} if optimizer.weight_decay > 0 else {}),
        **({"clip_norm": optimizer.clip_norm} if optimizer.clip_norm > 0 else {}),
    }


def idle(form: OptimizerForm) -> dict[str, float]:
    """Return coefficients that leave the state and the slots as they are."""
    extra = {**({"kept": 1.0} if form.decays else {}), **({"clip_norm": 1.0} if form.clips else {})}
    return {"rate": 0.0, "b1": 1.0, "b2": 1.0, "epsilon": 1.0} | extra
