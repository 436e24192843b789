"""The cost of a step beyond the network: the whole step program, the layer's graph, and torch.

VGG19 with random weights is exported up to one layer. The contestants, each in a separate process, take turns:

    layer graph    one `Run` of the exported graph, activation and gradient, from arrays to arrays
    network        the same network and the objective, lowered: the part of a step that cannot be saved
    step program   one step of the default ascent: draws, decode, transforms, network, objective, backward pass, Adam
    torch          forward and gradient by the image, in eager mode, truncated at the same layer
    lucent         one step of torch-lucent's render, with its defaults and the whole network

    python -m bench.step_program [--layer conv5_1] [--size 224] [--steps 15] [--threads 2] [--models FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from reverie_ascent import Step as AscentStep
from reverie_ascent import ascend
from reverie_ascent.models.repository import Model, ModelRepository
from reverie_ascent.program import build
from reverie_ascent.runtime.session import choose_device

from bench.contenders import CONTENDERS as OTHERS
from bench.contenders import Task
from bench.race import Contestant, Step, compete, race, report
from bench.recipe import recipe
from tests.vgg19 import CHANNEL

MODEL = "vgg19"
TABLES = 100
"""Steps until a program has used every angle of its rotations; it makes a table for each angle on first use."""


def layer_graph(folder: Path, layer: str, size: int, threads: int) -> Step:
    """Return one `Run` of the exported file with its sizes fixed."""
    import onnxruntime

    model = ModelRepository([folder]).model(MODEL)
    height, width = model.grid(layer, (size, size))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    for name, fixed in (("N", 1), ("H", size), ("W", size), ("h", height), ("w", width)):
        options.add_free_dimension_override_by_name(name, fixed)
    file = model.folder / model.layers[layer].file
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    cotangent = np.zeros((1, model.layers[layer].layer.channels, height, width), np.float32)
    cotangent[:, CHANNEL] = 1 / (height * width)
    image = np.random.default_rng(1).random((1, 3, size, size), np.float32)
    feeds = {"image": image, "cotangent": cotangent}
    return lambda: np.asarray(session.run(["activation", "gradient"], feeds)[1])


def step_program(folder: Path, layer: str, size: int, threads: int) -> Step:
    """Return one step of the default preset's ascent."""
    model: Model = ModelRepository([folder]).model(MODEL)
    wanted = recipe(model, layer, size, CHANNEL)
    program = build(model, wanted, batch=1, device=choose_device("cpu", threads=threads))
    steps = ascend(program, [wanted])
    for _ in range(TABLES):
        next(steps)

    def step() -> np.ndarray:
        event = next(steps)
        assert isinstance(event, AscentStep)
        return event.objective

    return step


def lowered_network(_: Path, layer: str, size: int, threads: int) -> Step:
    """Return the network's part of a step: activation, score and gradient, lowered."""
    return OTHERS["reverie"](Task(layer, size, threads=threads))


def torch_step(_: Path, layer: str, size: int, threads: int) -> Step:
    """Return the same network's step in torch."""
    return OTHERS["torch"](Task(layer, size, threads=threads))


def lucent_step(_: Path, layer: str, size: int, threads: int) -> Step:
    """Return one step of Lucent's render."""
    import warnings

    import torch

    from bench.lucent import NETWORKS, steps_of_lucent

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    step = steps_of_lucent(NETWORKS[MODEL]().eval(), layer, CHANNEL, size=size)

    def answered() -> np.ndarray:
        step()
        return np.zeros(0)

    return answered


CONTESTANTS = {
    "layer graph": layer_graph,
    "network": lowered_network,
    "step program": step_program,
    "torch": torch_step,
    "lucent": lucent_step,
}
PAIRS = [
    ("layer graph", "torch"),
    ("step program", "network"),
    ("step program", "torch"),
    ("lucent", "step program"),
]


def main() -> None:
    """Export, race, print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layer", default="conv5_1")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", type=Path, help="folder that holds an exported vgg19 already")
    parser.add_argument("--compete", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.compete:
        compete(CONTESTANTS[given.compete](given.models, given.layer, given.size, given.threads))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = given.models or Path(made)
        if given.models is None:
            from reverie_export import export_model

            export_model(MODEL, out=folder, weights="random:0", layers=[given.layer])
        options = ["--models", str(folder), "--layer", given.layer, "--size", str(given.size)]
        options += ["--threads", str(given.threads)]
        racers = {
            kind: Contestant("bench.step_program", "--compete", kind, *options, threads=given.threads)
            for kind in CONTESTANTS
        }
        print(f"{MODEL} {given.layer} at {given.size} px, {given.threads} threads, {given.steps} turns", flush=True)
        for line in report(race(racers, given.steps), PAIRS):
            print(line)
        for racer in racers.values():
            racer.close()


if __name__ == "__main__":
    main()
