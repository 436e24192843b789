"""Do rendered pictures excite their channels more than any natural image, that is, any image like the training images?

64 channels, spread over conv2_1 to conv5_4 and the logits, are rendered with a preset. Each picture must
excite its channel (the mean over all positions, without transforms) more than every one of 2,000 held-out drawn images
does. Those are shown at two sizes, drawn at the picture's own and at the largest that the network was trained on, and
the larger activation of the two counts. One graph measures pictures and images alike.

    python -m bench.natural_maximum [--channels 64] [--images 2000] [--preset reverie] [--steps N] [--size 224]
        [--limit N] [--sheet FILE]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper
from reverie_ascent.models.repository import embedded_models
from reverie_server import Engine
from reverie_server.request.presets import DEFAULT_PRESET, PRESETS

from bench.contact import write_sheet
from demo_model.pool import HELD_OUT, SIZE, series

MODEL = "texture19"
FIRST_LAYER, LAST_LAYER = "conv2_1", "logits"
CHUNK = 50

Array = NDArray[np.float32]


def convolutions(graph: onnx.GraphProto) -> list[str]:
    """Return the results of the convolutions in order from the image."""
    reached, found = {"image"}, []
    for node in graph.node:
        if reached.isdisjoint(node.input[:1]) or "gradient" in node.name:
            continue
        reached.update(node.output)
        if node.op_type == "Conv":
            found.append(node.output[0])
    return found


def measuring(folder: Path, layers: list[str]) -> ort.InferenceSession:
    """Load the forward part of the last layer's graph, with the mean of every channel of each layer as an output."""
    model = onnx.load(folder / f"{LAST_LAYER}.onnx")
    graph = model.graph
    names = [name for name in layers if name != LAST_LAYER]
    values = dict(zip(names, convolutions(graph)[-len(names) :], strict=True))
    means = [helper.make_node("ReduceMean", [values[name], "positions"], [name], keepdims=0) for name in names]
    means.append(helper.make_node("Identity", ["activation"], [LAST_LAYER]))
    needed, kept = set(layers), []
    for node in reversed([*graph.node, *means]):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    constants = [t for t in graph.initializer if t.name in needed]
    constants.append(helper.make_tensor("positions", TensorProto.INT64, [2], [2, 3]))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in layers]
    image = next(value for value in graph.input if value.name == "image")
    forward = helper.make_graph(kept[::-1], "forward", [image], outputs, constants)
    made = helper.make_model(forward, opset_imports=model.opset_import, ir_version=model.ir_version)
    options = ort.SessionOptions()
    options.use_per_session_threads = False  # the engine has set up one pool of threads for the whole process
    return ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])


def means(session: ort.InferenceSession, images: NDArray[np.uint8] | Array) -> dict[str, Array]:
    """Return the mean of every channel of each layer on each image [N, S, S, 3] (float in [0, 1], or uint8)."""
    names = [output.name for output in session.get_outputs()]
    scale = 255 if images.dtype == np.uint8 else 1
    parts = []
    for k in range(0, len(images), CHUNK):
        pixels = np.ascontiguousarray(images[k : k + CHUNK].transpose(0, 3, 1, 2), np.float32) / np.float32(scale)
        parts.append(session.run(names, {"image": pixels}))
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}


def drawn(count: int, size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield held-out images, drawn by all cores, a part at a time."""
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor(os.cpu_count()) as executor:
        yield from executor.map(partial(_part, count, size), starts)


def _part(count: int, size: int, start: int) -> NDArray[np.uint8]:
    return series(HELD_OUT, min(CHUNK, count - start), size=size, start=start)


def natural_maxima(session: ort.InferenceSession, count: int, sizes: tuple[int, ...]) -> dict[str, Array]:
    """Return, for every channel of each layer, the largest mean over held-out images of all sizes."""
    best: dict[str, Array] = {}
    for size in sizes:
        for part in drawn(count, size):
            for name, values in means(session, part).items():
                top = values.max(axis=0)
                best[name] = np.maximum(best[name], top) if name in best else top
    return best


def sample(channels: dict[str, int], count: int) -> Iterator[tuple[str, int]]:
    """Yield ``count`` different channels, the layers in turn."""
    rng = np.random.default_rng(0)
    order = {layer: rng.permutation(n) for layer, n in channels.items()}
    turns = (
        (layer, int(order[layer][k]))
        for k in range(max(channels.values()))
        for layer in channels
        if k < channels[layer]
    )
    return islice(turns, count)


def main() -> None:
    """Print a row per channel and the share of pictures that exceed the natural maximum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--channels", type=int, default=64, help="how many to sample")
    parser.add_argument("--images", type=int, default=2000, help="held-out drawn images, at each of the two sizes")
    parser.add_argument("--preset", default=DEFAULT_PRESET)
    parser.add_argument("--steps", type=int, help="other than the preset's")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--limit", type=int, help="render only so many of the channels")
    parser.add_argument("--models", type=Path, help="folder of model folders, if not the embedded one")
    parser.add_argument("--sheet", type=Path, help="write the pictures to this file, a .png or .jpg")
    options = parser.parse_args()
    preset, steps = options.preset, options.steps or PRESETS[options.preset].steps

    models = options.models or embedded_models()
    with Engine([models]) as engine:
        layers = [layer for layer in engine.layers(MODEL) if layer.operator == "Conv" or layer.name == LAST_LAYER]
        names = [layer.name for layer in layers]
        chosen = {layer.name: layer.channels for layer in layers[names.index(FIRST_LAYER) :]}
        session = measuring(models / MODEL, list(chosen))
        sizes = (options.size, SIZE)
        print(f"the largest activations among {options.images:,} held-out images, at {sizes} pixels ...", flush=True)
        natural = natural_maxima(session, options.images, sizes)
        print(f"{'layer':8} {'channel':>7} {'picture':>9} {'natural':>9} {'ratio':>6}")
        exceeded, pictures = [], []
        for layer, channel in islice(sample(chosen, options.channels), options.limit):
            picture = engine.render(MODEL, layer, channel, preset=preset, steps=steps, size=options.size).array
            ours, theirs = means(session, picture[None])[layer][0, channel], natural[layer][channel]
            exceeded.append(ours > theirs)
            pictures.append(picture)
            ratio = f"{ours / theirs:6.2f}" if theirs > 0 else "      "
            verdict = "" if ours > theirs else "below"
            print(f"{layer:8} {channel:7} {ours:9.3f} {theirs:9.3f} {ratio} {verdict}", flush=True)
    if options.sheet:
        write_sheet(pictures, options.sheet)
    print(f"{sum(exceeded)} of {len(exceeded)} pictures ({np.mean(exceeded):.0%}) exceed the natural maximum")


if __name__ == "__main__":
    main()
