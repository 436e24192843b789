"""Tasks from the embedded model: layer graphs, and a step program."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir as ir
from reverie_ascent.models.repository import Model, ModelRepository, embedded_models
from reverie_ascent.program import optimizers, program_key
from reverie_ascent.program.compose import compose, term_targets
from reverie_ascent.program.parametrizations import initial_state
from reverie_ascent.program.transforms import Views, stages
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe
from reverie_ascent.targets import target_inputs

from bench.recipe import recipe
from conformance.task import Arrays, Task, generator

LAYERS = ["conv1_1", "pool1", "conv2_2", "conv3_4", "relu4_2", "conv5_1", "logits"]
SIDE = 32
TIMED, TIMED_SIDE = "conv5_1", 224
STEPPED, STEP, RATE = "conv3_1", 2, 0.05


def embedded_tasks() -> Iterator[Task]:
    """Yield layers at a size with small outputs, one at a size that is large enough to time, and an ascent's step."""
    model = ModelRepository([embedded_models()]).model("texture19")
    for layer in LAYERS:
        yield _layer(model, layer, SIDE, layer)
    yield _layer(model, TIMED, TIMED_SIDE, f"{TIMED}_{TIMED_SIDE}px", timed=True)
    yield _step(model)


def _layer(model: Model, layer: str, side: int, name: str, *, timed: bool = False) -> Task:
    proto = onnx.load(model.folder / model.layers[layer].file, load_external_data=False)
    entry = model.layers[layer].layer
    shape = (1, entry.channels, *(model.grid(layer, (side, side)) if entry.spatial else ()))
    rng = generator(name)
    feeds = {
        "image": rng.random((1, 3, side, side), np.float32),
        "cotangent": rng.standard_normal(shape, np.float32),
    }
    return Task(name, proto, feeds, ["activation", "gradient"], model.folder / "weights.bin", timed)


def _step(model: Model) -> Task:
    """Return one step of the default preset in the middle of an ascent, when Adam's moments are not zero."""
    wanted = recipe(model, STEPPED, SIDE, channel=7)
    program = compose(model, program_key(wanted), 1)
    names = [str(value.name) for value in program.graph.outputs]
    shapes = {str(v.name): v.shape.numpy() for v in program.graph.inputs if v.shape is not None}
    proto = ir.to_proto(ir.external_data.load_to_model(program))
    return Task("step_program", proto, _feeds(model, wanted, shapes), names)


def _feeds(model: Model, wanted: Recipe, shapes: dict[str, tuple[int, ...]]) -> Arrays:
    rng, key = np.random.default_rng(0), program_key(wanted)
    views = Views(stages(key.transforms, key.size, key.seen_size), 1, model.channels, key.size, key.seen_size)
    views.draw(0, Draws(0, STEP), STEP, wanted.steps)
    numbers = optimizers.coefficients(wanted.optimizer, RATE, STEP)
    state = initial_state(key.parametrization, Draws(0, 0), key.size, model.channels)
    return {
        **{name: np.array(array) for name, array in views.arrays.items()},
        **{name: np.full(shapes[name], value, np.float32) for name, value in numbers.items()},
        **target_inputs(term_targets(model, key, 1), [wanted]),
        "state": state.reshape(shapes["state"]),
        "m": (rng.standard_normal(shapes["m"]) * 1e-4).astype(np.float32),
        "v": rng.uniform(1e-8, 1e-7, shapes["v"]).astype(np.float32),
    }
