"""Estimates the time of a render: from the network and the lowering plan, and later from measured steps.

The seconds of a step are modelled as

    CONVOLUTIONS c + NUMBERS n + PIXELS p + WEIGHTS w + CONSTANT

c is the time of the convolutions between picture and layer at the plan's rates, in seconds. n counts the numbers that
the network computes there, p those of the picture and w those that are read as weights, each multiplied by the plan's
price of moving one number; w matters for small pictures, whose steps mostly read the kernels. The factors were fitted
by `bench.growth`, over sizes, depths and batches. An estimate measures nothing: a plan's rates are those of a class of
processor. `StepTimes` learns the time of a program's steps from its first ones.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np
import onnx_ir as ir
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.rules import lowerable
from reverie_ascent.models.repository import Model, ModelError
from reverie_ascent.program import ProgramKey, program_key
from reverie_ascent.runtime.session import Device
from reverie_proto.sizes import Size

from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.forward import forward_graph, output_count, weight_count
from reverie_server.scheduler.render import key_of
from reverie_server.scheduler.step_times import StepTimes

CONVOLUTIONS, NUMBERS, PIXELS, WEIGHTS, CONSTANT = FACTORS = (2.0, 0.15, 90.0, 0.5, 4.5e-4)


@dataclass(frozen=True)
class Work:
    """The terms of the model before the factors: each in seconds, except `constant`, which is 1."""

    convolutions: float
    numbers: float
    pixels: float
    weights: float
    constant: float = 1.0

    @property
    def seconds(self) -> float:
        """The modelled time of a step."""
        return float(np.dot(astuple(self), FACTORS))


class Estimates:
    """Estimates the time of renders on a device; for a program that has run, from the time of its steps."""

    def __init__(self, device: Device, times: StepTimes) -> None:
        self._device, self._times = device, times
        # A cache per engine, released with it: the cache of a decorated function would keep every model alive.
        self._work = lru_cache(maxsize=256)(work)

    def seconds(self, plan: RenderRequest) -> float | None:
        """Return the time of a render once its program is loaded; None if the device's plan has no rates."""
        key = key_of(plan)
        step_s = self._times.expected_s(key, None if key in self._times else self._modelled_s(plan))
        return None if step_s is None else step_s * plan.recipe.all_steps

    def learn(self, plan: RenderRequest, took_s: float, now: float, *, first: bool) -> None:
        """Learn from a step of a request's program, and whether it was the first one since the program was loaded."""
        key = key_of(plan)
        modelled_s = None if key in self._times else self._modelled_s(plan)
        self._times.learn(key, took_s, now, modelled_s=modelled_s, first=first)

    def _modelled_s(self, plan: RenderRequest) -> float | None:
        if self._device.plan is None or self._device.plan.rates is None:
            return None
        try:
            return self._work(plan.model, program_key(plan.recipe), self._device.batch, self._device).seconds
        except ModelError:
            return None  # a damaged file: the render will raise the error


def work(model: Model, key: ProgramKey, batch: int, device: Device) -> Work:
    """Return the work of one step of a program on a CPU; of several layers the most expensive counts."""
    assert device.plan is not None
    assert device.plan.rates is not None
    costs = Costs(device.plan.rates)
    layers = [
        _layer_work(
            model,
            layer,
            key.seen_size,
            batch * key.network_pictures,
            costs,
            device,
            closed=form == "linear" and not device.exact,
        )
        for layer, form in key.terms
    ]
    return max(layers, key=lambda layer: layer.seconds)


def _layer_work(
    model: Model, layer: str, size: Size, batch: int, costs: Costs, device: Device, *, closed: bool
) -> Work:
    """Return the work up to a layer, without its last convolution if that has a ``closed`` form."""
    nodes = list(forward_graph(model, layer, size, batch))
    convolutions = sum(
        _convolution(node, costs, device)
        for node in nodes
        if node.op_type == "Conv" and not (closed and node.outputs[0].is_graph_output())
    )
    numbers, weights = sum(map(output_count, nodes)), sum(weight_count(node, device) for node in nodes)
    assert device.plan is not None
    share = device.plan.threads / device.threads  # more threads multiply faster, but share the memory's bandwidth
    price = costs.rates.conversion * 1e-9
    pixels = model.channels * batch * math.prod(size)
    return Work(share * convolutions, price * numbers, price * pixels, price * weights)


def _convolution(node: ir.Node, costs: Costs, device: Device) -> float:
    if lowerable(node):
        price = costs.price(node)
        return price.plain if device.exact else min(price.plain, price.rows)
    return costs.direct(node)
