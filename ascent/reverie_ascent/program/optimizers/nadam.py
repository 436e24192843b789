"""NAdam: Adam with Nesterov's momentum (Dozat 2016), ascending, in the form of ``torch.optim.NAdam``.

mu_t = b1 (1 - 0.96^(t psi) / 2)        the momentum at step t = 1, 2, ..., psi its decay
m <- b1 m + (1 - b1) g                  v <- b2 v + (1 - b2) g^2
x <- x + (rate_g g + rate_m m) / (sqrt(v) / sqrt(1 - b2^t) + eps)
rate_g = rate (1 - mu_t) / (1 - mu_1 ... mu_t)        rate_m = rate mu_(t+1) / (1 - mu_1 ... mu_(t+1))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import onnx_ir as ir

from reverie_ascent.program.optimizers.form import OptimizerForm, step_fragment
from reverie_ascent.recipe.optimizer import Nadam

SLOTS = ("m", "v")
COEFFICIENTS = ("rate_g", "rate_m", "b1", "b2", "unbiased", "epsilon")


def form(optimizer: Nadam) -> OptimizerForm:
    """Return what decides the graph."""
    return OptimizerForm("nadam")


def graph(form: OptimizerForm, shape: Sequence[int], bounds: tuple[float, float] | None) -> ir.Model:
    """Return the fragment of a step."""
    body = """
        rest1 = Sub(one, b1)
        rest2 = Sub(one, b2)
        kept_m = Mul(b1, m)
        more_m = Mul(rest1, slope)
        new_m = Add(kept_m, more_m)
        kept_v = Mul(b2, v)
        more_v = Mul(rest2, square)
        new_v = Add(kept_v, more_v)
        root = Sqrt(new_v)
        spread = Div(root, unbiased)
        deviation = Add(spread, epsilon)
        along_g = Mul(rate_g, slope)
        along_m = Mul(rate_m, new_m)
        both = Add(along_g, along_m)
        stride = Div(both, deviation)
        next_state = Add(state, stride)
        """
    return step_fragment(
        "nadam", shape, body, slots=SLOTS, coefficients=COEFFICIENTS, constants={"one": 1.0}, bounds=bounds
    )


def coefficients(optimizer: Nadam, rate: float, step: int) -> dict[str, float]:
    """Return the coefficients at step 1, 2, ... for its learning rate."""
    until = _product(optimizer.beta1, optimizer.momentum_decay, step)
    after = _momentum(optimizer.beta1, optimizer.momentum_decay, step + 1)
    return {
        "rate_g": rate * (1 - _momentum(optimizer.beta1, optimizer.momentum_decay, step)) / (1 - until),
        "rate_m": rate * after / (1 - until * after),
        "b1": optimizer.beta1,
        "b2": optimizer.beta2,
        "unbiased": math.sqrt(1 - optimizer.beta2**step),
        "epsilon": optimizer.epsilon,
    }


def idle(form: OptimizerForm) -> dict[str, float]:
    """Return coefficients that leave the state and the slots as they are."""
    return {"rate_g": 0.0, "rate_m": 0.0, "b1": 1.0, "b2": 1.0, "unbiased": 1.0, "epsilon": 1.0}


def _momentum(beta: float, decay: float, step: int) -> float:
    return float(beta * (1 - 0.5 * 0.96 ** (step * decay)))


@lru_cache(maxsize=4096)
def _product(beta: float, decay: float, step: int) -> float:
    return math.prod(_momentum(beta, decay, each) for each in range(1, step + 1))
