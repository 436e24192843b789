"""The table of optimizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import onnx_ir as ir

from reverie_ascent.program.optimizers import adam, nadam, sgd
from reverie_ascent.program.optimizers.form import OptimizerForm
from reverie_ascent.recipe.optimizer import Adam, Nadam, Optimizer, Sgd

#: The module of each optimizer: form, graph, coefficients and idle.
OPTIMIZERS: Mapping[type[Any], ModuleType] = {Adam: adam, Nadam: nadam, Sgd: sgd}
BY_KIND: Mapping[str, ModuleType] = {"adam": adam, "nadam": nadam, "sgd": sgd}


def form(optimizer: Optimizer) -> OptimizerForm:
    """Return what of an optimizer decides the graph of a step."""
    made: OptimizerForm = OPTIMIZERS[type(optimizer)].form(optimizer)
    return made


def slots(form: OptimizerForm) -> tuple[str, ...]:
    """Return the names of what an optimizer keeps besides the state; each has the state's shape and starts at 0."""
    if form.kind == "sgd":
        return ("u",) if form.has_momentum else ()
    kept: tuple[str, ...] = BY_KIND[form.kind].SLOTS
    return kept


def step_graph(form: OptimizerForm, shape: Sequence[int], *, bounds: tuple[float, float] | None = None) -> ir.Model:
    """Return the fragment of a step for states of a shape, described in `form.step_fragment`."""
    made: ir.Model = BY_KIND[form.kind].graph(form, shape, bounds)
    return made


def coefficients(optimizer: Optimizer, rate: float, step: int) -> dict[str, float]:
    """Return the inputs of a step's fragment at step 1, 2, ... for its learning rate."""
    numbers: dict[str, float] = OPTIMIZERS[type(optimizer)].coefficients(optimizer, rate, step)
    return numbers


def idle(form: OptimizerForm) -> dict[str, float]:
    """Return inputs that leave the state and the slots as they are."""
    numbers: dict[str, float] = BY_KIND[form.kind].idle(form)
    return numbers
