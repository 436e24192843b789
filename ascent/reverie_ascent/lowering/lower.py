"""Lowering: the passes that rewrite a step program for a device, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import onnx_ir as ir

from reverie_ascent.graph.shapes import SettleShapes
from reverie_ascent.lowering.bfloat16 import RoundOperands
from reverie_ascent.lowering.closed_form import CloseLinearObjectives
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.fold import FoldConstants
from reverie_ascent.lowering.masks import ShrinkMasks
from reverie_ascent.lowering.negation import WriteNegations
from reverie_ascent.lowering.to_rows import ToRows
from reverie_ascent.plan import LoweringPlan


class Target(Protocol):
    """The properties of a device that the lowering uses."""

    @property
    def exact(self) -> bool: ...  # noqa: D102
    @property
    def bfloat16(self) -> bool: ...  # noqa: D102
    @property
    def plan(self) -> LoweringPlan | None: ...  # noqa: D102


def lower(model: ir.Model, target: Target) -> None:
    """Rewrite a step program, whose sizes must all be fixed, for the device that will run it.

    The result computes the same function, to about 1e-5 of each convolution's values, and inputs and outputs keep their
    names. For an exact CPU the program is not changed.
    """
    passes = list(passes_for(target))
    if not passes:
        return
    try:
        ir.passes.Sequential(*passes)(model)
    except ir.passes.PassError as error:
        # The caller handles the original error of a pass, such as damaged weights.
        raise (error.__cause__ or error) from None


def passes_for(target: Target) -> Iterator[ir.passes.InPlacePass]:
    """Yield the passes for a device, in order."""
    if target.plan is None:
        return
    if target.plan.rates is None:  # the plan of a GPU
        yield SettleShapes()
        yield WriteNegations()
        if target.bfloat16:
            yield RoundOperands()
    elif not target.exact:
        yield SettleShapes()
        yield CloseLinearObjectives()
        yield ShrinkMasks()
        yield ToRows(Costs(target.plan.rates))
        yield FoldConstants()
