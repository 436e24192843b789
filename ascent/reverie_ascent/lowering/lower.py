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
    """What the lowering needs to know about a device."""

    @property
    def exact(self) -> bool: ...  # noqa: D102
    @property
    def bfloat16(self) -> bool: ...  # noqa: D102
    @property
    def plan(self) -> LoweringPlan | None: ...  # noqa: D102


def lower(model: ir.Model, target: Target) -> None:
    """Rewrite a step program, every size of which is fixed, for the device that will run it.

    The function stays what it was, to about 1e-5 of each convolution's values; inputs and outputs keep their names. For
    an exact CPU the program stays as it is.
    """
    passes = list(passes_for(target))
    if not passes:
        return
    try:
        ir.passes.Sequential(*passes)(model)
    except ir.passes.PassError as error:
        # What a pass could not read, such as damaged weights, is the caller's to handle under its own name.
        raise (error.__cause__ or error) from None


def passes_for(target: Target) -> Iterator[ir.passes.InPlacePass]:
    """Yield the passes for a device, in order."""
    if target.plan is None:
        return
    if target.plan.rates is None:  # a GPU's
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
