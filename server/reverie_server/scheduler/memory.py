"""Estimates how much memory a loaded program takes, from its network.

The forward and the backward pass each hold the weights that they read; a Winograd product reads four times as many as
are stored. For each picture of a batch they hold the numbers that the network computes, which the backward pass needs,
and some more while a layer is computed. For each pixel they hold the data of its transforms, above all tables of
rotations. The factors were fitted to nine layers of `texture19` and VGG19 at 224 and 512 pixels, which took 0.78 to
1.12 of the estimate.
"""

from __future__ import annotations

import math

from reverie_ascent.models.repository import Model, ModelError
from reverie_ascent.program import ProgramKey
from reverie_ascent.runtime.session import Device

from reverie_server.scheduler.forward import forward_graph, output_count, weight_count

BYTES = 4
NUMBERS, WEIGHTS, PIXELS = 1.6, 2, 100
#: A program without any network: its graph and sessions.
BASE_BYTES = 16 * 2**20


def footprint(model: Model, key: ProgramKey, device: Device) -> int:
    """Return about how many bytes of memory a program takes."""
    try:
        layers = dict.fromkeys(layer for layer, _ in key.terms)
        rows = device.batch * key.network_pictures
        graphs = [forward_graph(model, layer, key.seen_size, rows) for layer in layers]
    except ModelError:
        return BASE_BYTES  # a damaged file: loading it will raise the error
    pixels = PIXELS * key.network_pictures * max(math.prod(key.size), math.prod(key.seen_size))
    nodes = [node for graph in graphs for node in graph]
    numbers, weights = sum(map(output_count, nodes)), sum(weight_count(node, device) for node in nodes)
    return BASE_BYTES + int(BYTES * (NUMBERS * numbers + WEIGHTS * weights + pixels))
