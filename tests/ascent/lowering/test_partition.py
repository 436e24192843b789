"""The choice of the nodes to lower has the lowest cost, also compared with lowering all nodes or none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx_ir as ir
import pytest
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import settle
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.partition import Price, choose
from reverie_ascent.lowering.rules import lowerable, moving
from reverie_ascent.plan import Rates

PADDED = "<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"


def chain() -> ir.Model:
    """x -> a -> r -> c -> (+ r) -> y, with a square root of x that cannot be lowered into the sum."""
    weights = np.ones((8, 8, 3, 3), np.float32)
    model = fragment(
        "g (float[1, 8, 6, 6] x) => (float[1, 8, 6, 6] y, float[1, 8, 2, 2] z)",
        f"""
        a = Conv {PADDED} (x, w)
        r = Relu(a)
        c = Conv {PADDED} (r, w)
        y = Add(c, r)
        z = MaxPool <kernel_shape = [3, 3], strides = [3, 3]> (c)
        """,
        {"w": weights},
    )
    settle(model)
    return model


def cost(model: ir.Model, lowered: set[ir.Node], prices: dict[ir.Node, Price], conversion: float) -> float:
    """Return the cost of a choice, summed over nodes and values."""
    total = sum(prices[n].rows if n in lowered else prices[n].plain for n in prices)
    values = {v for n in prices for v in (*moving(n), *n.outputs)}
    for value in values:
        made_on_rows = value.producer() in lowered
        users = [user in lowered for user in value.consumers()] + [False] * value.is_graph_output()
        total += conversion * any(user != made_on_rows for user in users)
    return total


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_has_the_lowest_cost(seed: int) -> None:
    model, rng = chain(), np.random.default_rng(seed)
    able = [node for node in model.graph if lowerable(node)]
    prices = {node: Price(*rng.random(2)) for node in able}
    conversion = float(rng.random() / 2)
    chosen = set(choose(model.graph, prices.__getitem__, lambda value: conversion))
    subsets = itertools.chain.from_iterable(itertools.combinations(able, k) for k in range(len(able) + 1))
    best = min(cost(model, set(subset), prices, conversion) for subset in subsets)
    assert math.isclose(cost(model, chosen, prices, conversion), best, rel_tol=1e-9)


RATES = Rates({16: 1.0, 256: 1.0}, {16: 4.0, 256: 0.25}, {16: 1.0}, {16: 1.0}, 0.0)


def conv(inputs: int, outputs: int) -> ir.Node:
    model = fragment(
        f"g (float[1, {inputs}, 8, 8] x) => (float[1, {outputs}, 8, 8] y)",
        f"y = Conv {PADDED} (x, w)",
        {"w": np.zeros((outputs, inputs, 3, 3), np.float32)},
    )
    return next(iter(model.graph))


@pytest.mark.parametrize(
    ("inputs", "outputs", "plain", "rows"),
    [
        (256, 256, 9 * 64 * 256**2, 9 * 64 * 256**2 / 4),
        (16, 16, 9 * 64 * 16**2, 9 * 64 * 16**2 * 4),
        (64, 64, 9 * 64 * 64**2, 9 * 64 * 64**2 * (4 + 0.25) / 2),  # half-way between two measurements, in octaves
        (1024, 1024, 9 * 64 * 1024**2, 9 * 64 * 1024**2 / 4),  # beyond the measurements: the last rate
    ],
)
def test_a_convolution_costs_its_products_at_the_rate_of_its_channels(
    inputs: int, outputs: int, plain: float, rows: float
) -> None:
    price = Costs(RATES).price(conv(inputs, outputs))
    assert price.plain == pytest.approx(plain * 1e-9)
    assert price.rows == pytest.approx(rows * 1e-9)


def test_nothing_is_lowered_if_rows_are_expensive_and_everything_if_they_are_cheap() -> None:
    model = chain()
    expensive = Rates({16: 1.0}, {16: 20.0}, {16: 1.0}, {16: 1.0}, 0.001)
    cheap = Rates({16: 1.0}, {16: 0.01}, {16: 1.0}, {16: 1.0}, 0.001)
    assert not set(choose(model.graph, Costs(expensive).price, Costs(expensive).conversion))
    lowered = {node.op_type for node in choose(model.graph, Costs(cheap).price, Costs(cheap).conversion)}
    assert "Conv" in lowered
