"""About how much memory a loaded program takes, from its network.

The forward and the backward way each hold the weights that they read: those of a Winograd product are four times as
many as the stored ones. Of each picture of a batch they hold the numbers that the network makes, for the way back, and
some more while a layer is computed; of each pixel, what its transforms keep, above all tables of rotations. The factors
are those of nine layers of `texture19` and VGG19 at 224 and 512 pixels, which took 0.78 to 1.12 of what is foretold.
"""

from __future__ import annotations

from reverie_ascent.models.repository import Model, ModelError
from reverie_ascent.program import ProgramKey
from reverie_ascent.runtime.session import Device

from reverie_server.scheduler.forward import made, read, way

BYTES = 4
NUMBERS, WEIGHTS, PIXELS = 1.6, 2, 100
#: Of a program without any network: the graph, its sessions.
BASE_BYTES = 16 * 2**20


def footprint(model: Model, key: ProgramKey, device: Device) -> int:
    """Return about how many bytes a program takes."""
    try:
        ways = [way(model, layer, key.size, device.batch) for layer in dict.fromkeys(layer for layer, _ in key.terms)]
    except ModelError:
        return BASE_BYTES  # a damaged file: loading it will say so
    nodes = [node for graph in ways for node in graph]
    numbers, weights = sum(map(made, nodes)), sum(read(node, device) for node in nodes)
    return BASE_BYTES + int(BYTES * (NUMBERS * numbers + WEIGHTS * weights + PIXELS * key.size**2))
