"""What a render will take: estimated from the network and the lowering plan, later from what the same program took.

A step's seconds are modelled as

    CONVOLUTIONS c + NUMBERS n + PIXELS p + WEIGHTS w + CONSTANT

c is what the convolutions between picture and layer take at the plan's rates, in seconds; n, p and w are the numbers
that the network computes there, those of the picture, and those that are read as weights, each at the plan's price of
moving one: a small picture costs hardly less than it takes to read the kernels. The factors were fitted by
`bench.growth`, over sizes, depths and batches. Nothing is measured for an estimate: a plan's rates are those of a class
of processor, and what a program took is known after its first steps.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np
import onnx_ir as ir
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.rules import lowerable
from reverie_ascent.models.repository import Model, ModelError
from reverie_ascent.program import ProgramKey, program_key
from reverie_ascent.runtime.session import Device

from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.forward import made, read, way

CONVOLUTIONS, NUMBERS, PIXELS, WEIGHTS, CONSTANT = FACTORS = (2.2, 0.9, 150.0, 2.2, 6e-4)


@dataclass(frozen=True)
class Work:
    """The quantities of the model, in seconds each but for the last, which is 1."""

    convolutions: float
    numbers: float
    pixels: float
    weights: float
    constant: float = 1.0

    @property
    def seconds(self) -> float:
        """What a step takes by the model."""
        return float(np.dot(astuple(self), FACTORS))


class Estimates:
    """What renders on a device will take; for a program that has run, what its steps took."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._known: dict[tuple[str, ProgramKey], float] = {}
        # A cache per engine, gone with it: a decorated function would keep every model alive.
        self._work = lru_cache(maxsize=256)(work)

    def seconds(self, plan: RenderRequest) -> float | None:
        """Return what a render takes once its program is loaded; None on a device that the model does not know."""
        key = program_key(plan.recipe)
        step = self._known.get((plan.model.digest, key))
        if step is None:
            if self._device.plan is None or self._device.plan.rates is None:
                return None
            try:
                step = self._work(plan.model, key, self._device.batch, self._device).seconds
            except ModelError:
                return None  # a damaged file: the render will say so
        return step * plan.recipe.steps

    def learn(self, plan: RenderRequest, step: float) -> None:
        """Remember what a step of a plan's program took, in seconds."""
        self._known[plan.model.digest, program_key(plan.recipe)] = step


def work(model: Model, key: ProgramKey, batch: int, device: Device) -> Work:
    """Return what a step of a program for a CPU has to do; of several layers the deepest counts."""
    assert device.plan is not None
    assert device.plan.rates is not None
    costs = Costs(device.plan.rates)
    ways = [
        _way(model, layer, key.size, batch, costs, device, closed=form == "linear" and not device.exact)
        for layer, form in key.terms
    ]
    return max(ways, key=lambda way: way.seconds)


def _way(model: Model, layer: str, size: int, batch: int, costs: Costs, device: Device, *, closed: bool) -> Work:
    """Return the work on the way to a layer, without its last convolution where that has a ``closed`` form."""
    nodes = list(way(model, layer, size, batch))
    convolutions = sum(
        _convolution(node, costs, device)
        for node in nodes
        if node.op_type == "Conv" and not (closed and node.outputs[0].is_graph_output())
    )
    numbers, weights = sum(map(made, nodes)), sum(read(node, device) for node in nodes)
    assert device.plan is not None
    share = device.plan.threads / device.threads  # products are shared among threads, the memory's bandwidth is not
    price = costs.rates.conversion * 1e-9
    return Work(share * convolutions, price * numbers, price * model.channels * batch * size**2, price * weights)


def _convolution(node: ir.Node, costs: Costs, device: Device) -> float:
    if lowerable(node):
        price = costs.price(node)
        return price.plain if device.exact else min(price.plain, price.rows)
    return costs.direct(node)
