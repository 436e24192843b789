"""A step program loaded on a device, and the state of a batch of pictures there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from reverie_ascent.lowering.lower import lower
from reverie_ascent.models.repository import WEIGHTS, Model
from reverie_ascent.program import alpha
from reverie_ascent.program.compose import TermTarget, compose, term_targets
from reverie_ascent.program.key import ProgramKey, program_key
from reverie_ascent.program.optimizers import slots
from reverie_ascent.program.parametrizations import forward, initial_state, state_shape
from reverie_ascent.program.transforms import Views, stages
from reverie_ascent.random import Draws
from reverie_ascent.recipe import Recipe
from reverie_ascent.runtime.session import Array, Binding, Device, Session, Tensor

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """The numbers that one run of the program returns for each render, [N] each.

    ``score`` is the objective of the input state. ``reach`` and ``extent`` are described in `optimizers.form`, here
    added up over the pictures of a group. ``awake`` is described in `redirect`, the largest of all views; None if a
    target is not rectified.
    """

    score: Numbers
    reach: Numbers
    extent: Numbers
    awake: Numbers | None


class Program:
    """Sessions for one program key and one size of batch; made by `build`."""

    def __init__(self, model: Model, key: ProgramKey, batch: int, device: Device) -> None:
        self.key, self.batch, self.device = key, batch, device
        self.channels = model.channels
        self.targets: tuple[TermTarget, ...] = term_targets(model, key, batch)
        self._stages = stages(key.transforms, key.size, key.seen_size, alpha=key.alpha)
        graph = compose(model, key, batch)
        self.rectified = any(value.name == "awake" for value in graph.graph.outputs)
        self.inputs = {str(v.name): _kind(v) for v in graph.graph.inputs}
        lower(graph, device)
        self._step = Session(graph, device, weights={WEIGHTS: model.weights})
        decode = alpha.forward if key.alpha else forward
        self._decode = Session(decode(key.parametrization, key.size, batch * key.pictures, self.channels), device)
        # A CUDA graph is recorded for the tensors of its first runs, so these tensors are reused.
        self._idle: list[BatchState] = []

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of the states of a batch: a row for each picture."""
        shape = alpha.state_shape if self.key.alpha else state_shape
        return shape(self.key.parametrization, self.key.size, self.batch * self.key.pictures, self.channels)

    @property
    def slots(self) -> Mapping[str, tuple[int, ...]]:
        """What is kept from step to step besides the state, and its shape: by the optimizer, and the importance."""
        kept = dict.fromkeys(slots(self.key.optimizer), self.state_shape)
        importance = {"importance": (self.state_shape[0], self.channels, *self.key.size)}
        return kept | (importance if self.key.importance else {})

    def first_state(self, seed: int) -> dict[str, Numbers]:
        """Return the state and the slots of a render that begins, with a row for each picture of the group."""
        key = self.key
        first = alpha.initial_state if key.alpha else initial_state
        firsts = [
            first(key.parametrization, Draws(seed, 0, picture=picture), key.size, self.channels)
            for picture in range(key.pictures)
        ]
        zeros = {name: np.zeros((key.pictures, *shape[1:]), np.float32) for name, shape in self.slots.items()}
        return {"state": np.stack(firsts), **zeros}

    def views(self) -> Views | None:
        """Return new arrays for the transforms' inputs, or None if there are no transforms."""
        key, rows = self.key, self.batch * self.key.network_pictures
        return Views(self._stages, rows, self.channels, key.size, key.seen_size) if self._stages else None

    def acquire_batch(self) -> BatchState:
        """Return the tensors of a batch on the device, with arbitrary contents; `release_batch` returns them."""
        return self._idle.pop() if self._idle else BatchState(self._step, self._decode, self)

    def release_batch(self, batch: BatchState) -> None:
        """Return unused tensors, which the next `acquire_batch` reuses."""
        self._idle.append(batch)


def build(model: Model, recipe: Recipe, *, batch: int, device: Device) -> Program:
    """Load the program of a recipe, which every recipe with the same `program_key` can use."""
    return Program(model, program_key(recipe), batch, device)


class BatchState:
    """The state of a batch on the device: two sets of tensors; each step reads one and writes the other."""

    def __init__(self, step: Session, decode: Session, program: Program) -> None:
        shapes = {"state": program.state_shape, **program.slots}
        state, other, scratch = (
            {name: step.tensor(np.zeros(shape, np.float32)) for name, shape in shapes.items()} for _ in range(3)
        )
        self._renders, self._pictures = program.batch, program.key.pictures
        self._fed: dict[str, Tensor] = {
            name: step.tensor(np.zeros(shape, dtype))
            for name, (shape, dtype) in program.inputs.items()
            if name not in state
        }
        rows = program.batch * program.key.pictures
        counts = {"score": program.batch, "reach": rows, "extent": rows}
        if program.rectified:
            counts["awake"] = program.batch * program.key.network_pictures
        self._readings = {name: step.tensor(np.zeros(count, np.float32)) for name, count in counts.items()}
        self._picture = decode.tensor(
            np.zeros((rows, program.channels + program.key.alpha, *program.key.size), np.float32)
        )

        def bound(source: dict[str, Tensor], target: dict[str, Tensor]) -> Binding:
            return step.bind(source | self._fed, {f"new_{k}": t for k, t in target.items()} | self._readings)

        self._sets, self._now = (state, other), 0
        self._steps = bound(state, other), bound(other, state)
        self._measures = bound(state, scratch), bound(other, scratch)
        self._decodes = tuple(decode.bind({"state": s["state"]}, {"picture": self._picture}) for s in self._sets)

    def put(self, element: int, state: Mapping[str, Numbers]) -> None:
        """Set the state and the slots of one render."""
        for name, tensor in self._sets[self._now].items():
            whole = np.array(tensor.numpy())
            whole[self._rows(element)] = state[name]
            tensor.update_inplace(whole)

    def get(self, element: int) -> dict[str, Numbers]:
        """Return the state and the slots of one render."""
        return {name: np.array(t.numpy()[self._rows(element)]) for name, t in self._sets[self._now].items()}

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """Set inputs, which stay until they are set again."""
        for name, array in arrays.items():
            self._fed[name].update_inplace(array)

    def step(self) -> Reading:
        """Make one step with the current inputs."""
        self._steps[self._now].run()
        self._now = 1 - self._now
        return self._read()

    def measure(self, *, before: bool = False) -> Reading:
        """Evaluate the objective with the current inputs, without a step, after the last step or ``before`` it."""
        self._measures[self._now ^ before].run()
        return self._read()

    def pictures(self, *, before: bool = False) -> Numbers:
        """Return the pictures [N, G, C, H, W] without transforms, after the last step or ``before`` it.

        With an alpha channel there are C + 1. Unbounded pixels may lie outside of 0..1; they are clipped.
        """
        self._decodes[self._now ^ before].run()
        pictures = self._picture.numpy()
        clipped: Numbers = np.clip(pictures, 0, 1)
        return clipped.reshape(self._renders, self._pictures, *pictures.shape[1:])

    def importance(self, element: int, *, before: bool = False) -> Numbers:
        """Return the sum of the absolute gradients of one render's pictures [G, C, H, W] over all steps."""
        return np.array(self._sets[self._now ^ before]["importance"].numpy()[self._rows(element)])

    def _rows(self, element: int) -> slice:
        """Return the rows of the pictures of one render."""
        return slice(element * self._pictures, (element + 1) * self._pictures)

    def _read(self) -> Reading:
        read = {name: np.array(tensor.numpy()) for name, tensor in self._readings.items()}
        by_render = {name: array.reshape(self._renders, -1) for name, array in read.items()}
        awake = by_render["awake"].max(axis=1) if "awake" in by_render else None
        return Reading(read["score"], by_render["reach"].sum(axis=1), by_render["extent"].sum(axis=1), awake)


def _kind(value: ir.Value) -> tuple[tuple[int, ...], np.dtype[Any]]:
    assert value.shape is not None
    assert value.dtype is not None
    return tuple(value.shape.numpy()), value.dtype.numpy()
