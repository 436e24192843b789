"""A step program on a device, and one batch of pictures that climbs by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from reverie_ascent.lowering.lower import lower
from reverie_ascent.models.repository import WEIGHTS, Model
from reverie_ascent.program.compose import Site, compose, sites
from reverie_ascent.program.decode import decode, state_shape
from reverie_ascent.program.geometry import Geometry
from reverie_ascent.program.key import ProgramKey, program_key
from reverie_ascent.program.rotation import Rotations
from reverie_ascent.program.views import Views
from reverie_ascent.recipe import Recipe
from reverie_ascent.runtime.session import Array, Binding, Device, Session, Tensor

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """What one run tells of each element: [N] each.

    ``score`` is the objective of the state that went in; ``reach`` and ``extent`` are described in `adam`, ``awake`` in
    `redirect` (None where a target is no ReLU).
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
        self.sites: tuple[Site, ...] = sites(model, key, batch)
        self.rectified = all(site.rectified for site in self.sites)
        graph = compose(model, key, batch)
        self.inputs = {str(v.name): _kind(v) for v in graph.graph.inputs}
        lower(graph, device)
        self._step = Session(graph, device, weights={WEIGHTS: model.weights})
        self._decode = Session(_forward(key, batch, self.channels), device)
        self._rotations = Rotations(Geometry(key.size))
        # What CUDA has recorded of a run belongs to the tensors of that run: they serve again.
        self._at_rest: list[Climb] = []

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of a batch of states."""
        return state_shape(self.key.parametrization, self.key.size, self.batch, self.channels)

    def views(self) -> Views | None:
        """Return new arrays for the transforms' inputs, or None where there are none."""
        return Views(self._rotations, self.batch) if self.key.transforms == "lucid" else None

    def climb(self) -> Climb:
        """Return the tensors of a batch on the device, with whatever they held; `rest` gives them back."""
        return self._at_rest.pop() if self._at_rest else Climb(self._step, self._decode, self)

    def rest(self, climb: Climb) -> None:
        """Take tensors back that nobody climbs with any more."""
        self._at_rest.append(climb)


def build(model: Model, recipe: Recipe, *, batch: int, device: Device) -> Program:
    """Load the program for a recipe, and for every recipe with the same `program_key`."""
    return Program(model, program_key(recipe), batch, device)


class Climb:
    """The state of a batch, which stays on the device: two sets of tensors, each written from the other in turn."""

    def __init__(self, step: Session, decode: Session, program: Program) -> None:
        nothing = np.zeros(program.state_shape, np.float32)
        state, other, scratch = ({name: step.tensor(nothing) for name in ("state", "m", "v")} for _ in range(3))
        self._fed: dict[str, Tensor] = {
            name: step.tensor(np.zeros(shape, dtype))
            for name, (shape, dtype) in program.inputs.items()
            if name not in state
        }
        told = ("score", "reach", "extent", *(("awake",) if program.rectified else ()))
        self._told = {name: step.tensor(np.zeros(program.batch, np.float32)) for name in told}
        size = program.key.size
        self._picture = decode.tensor(np.zeros((program.batch, program.channels, size, size), np.float32))

        def bound(source: dict[str, Tensor], target: dict[str, Tensor]) -> Binding:
            return step.bind(source | self._fed, {f"new_{k}": t for k, t in target.items()} | self._told)

        self._sets, self._now = (state, other), 0
        self._steps = bound(state, other), bound(other, state)
        self._measures = bound(state, scratch), bound(other, scratch)
        self._decodes = tuple(decode.bind({"state": s["state"]}, {"picture": self._picture}) for s in self._sets)

    def put(self, element: int, state: Mapping[str, Numbers]) -> None:
        """Let an element go on from a state, m and v; the others stay where they are."""
        for name, tensor in self._sets[self._now].items():
            whole = np.array(tensor.numpy())
            whole[element] = state[name]
            tensor.update_inplace(whole)

    def get(self, element: int) -> dict[str, Numbers]:
        """Return where an element is: its state, m and v."""
        return {name: np.array(tensor.numpy()[element]) for name, tensor in self._sets[self._now].items()}

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """Set inputs, until they are set anew."""
        for name, array in arrays.items():
            self._fed[name].update_inplace(array)

    def step(self) -> Reading:
        """Go one step, by what was fed."""
        self._steps[self._now].run()
        self._now = 1 - self._now
        return self._read()

    def measure(self, *, before: bool = False) -> Reading:
        """Read the state through what was fed and leave it as it is; ``before`` the last step, or after it."""
        self._measures[self._now ^ before].run()
        return self._read()

    def pictures(self, *, before: bool = False) -> Numbers:
        """Return the pictures [N, C, S, S] without transforms, before the last step or after it."""
        self._decodes[self._now ^ before].run()
        return np.array(self._picture.numpy())

    def _read(self) -> Reading:
        told = {name: np.array(tensor.numpy()) for name, tensor in self._told.items()}
        return Reading(told["score"], told["reach"], told["extent"], told.get("awake"))


def _kind(value: ir.Value) -> tuple[tuple[int, ...], np.dtype[Any]]:
    assert value.shape is not None
    assert value.dtype is not None
    return tuple(value.shape.numpy()), value.dtype.numpy()


def _forward(key: ProgramKey, batch: int, channels: int) -> ir.Model:
    """Return the decoder alone."""
    model = decode(key.parametrization, key.size, batch, channels)
    picture = next(value for value in model.graph.outputs if value.name == "picture")
    forward = ir.convenience.extract(model.graph, [model.graph.inputs[0]], [picture])
    return ir.Model(forward, ir_version=model.ir_version)
