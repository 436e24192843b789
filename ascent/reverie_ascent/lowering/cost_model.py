"""The modelled time of a node at the rates of a plan: as ONNX Runtime computes it, and on rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.shapes import dims
from reverie_ascent.lowering.partition import Price
from reverie_ascent.lowering.rules import is_narrow, is_pointwise, is_winograd
from reverie_ascent.lowering.tiling import SIDE
from reverie_ascent.plan import Rates

TIE_BREAK_S = 1e-9
"""The extra seconds of a node on rows, so that it is not lowered if both forms otherwise cost the same."""

BLOCK = 16
"""Channels that a blocked convolution computes at once: fewer take as long, also in the transforms of tiles on rows."""


@dataclass(frozen=True)
class Costs:
    """Computes the costs of nodes from the rates of a lowering plan."""

    rates: Rates

    def price(self, node: ir.Node) -> Price:
        """Return the time of a node in both forms, in seconds."""
        if node.op_type != "Conv":
            return Price(0, TIE_BREAK_S)
        n, outputs, height, width = dims(node.outputs[0]) or ()
        _, inputs, *_ = dims(node.inputs[0]) or ()
        products = n * height * width * inputs * outputs
        channels = math.sqrt(inputs * outputs)
        if is_pointwise(node):
            plain, rows = self.rates.plain_pointwise, self.rates.rows_pointwise
            return Price(_seconds(plain, channels, products), _seconds(rows, channels, products))
        blocked = n * height * width * max(inputs, BLOCK) * max(outputs, BLOCK)
        plain_seconds = _seconds(self.rates.plain, max(channels, BLOCK), 9 * blocked)
        if is_narrow(node):
            taps = 9 * n * height * width * outputs
            return Price(plain_seconds, _seconds(self.rates.rows_pointwise, channels, 9 * products) + self._move(taps))
        assert is_winograd(node)
        padded = math.ceil(height / SIDE) * math.ceil(width / SIDE) * SIDE**2 / (height * width)
        return Price(plain_seconds, _seconds(self.rates.rows, max(channels, BLOCK), 9 * blocked * padded))

    def direct(self, node: ir.Node) -> float:
        """Return the time of any convolution that is not lowered, in seconds."""
        n, outputs, height, width = dims(node.outputs[0]) or ()
        _, inputs, *kernel = dims(node.inputs[1]) or ()
        products = n * height * width * outputs * inputs * math.prod(kernel)
        return _seconds(self.rates.plain, math.sqrt(inputs * outputs), products)

    def conversion(self, value: ir.Value) -> float:
        """Return the time to convert a value to rows or back, in seconds."""
        return self._move(math.prod(dims(value) or ()))

    def _move(self, numbers: float) -> float:
        return self.rates.conversion * numbers * 1e-9


def _seconds(rates: Mapping[int, float], channels: float, products: float) -> float:
    known = sorted(rates)
    rate = np.interp(math.log2(channels), np.log2(known), [rates[c] for c in known])
    return float(rate) * products * 1e-9
