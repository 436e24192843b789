"""Which lowering a device has."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from reverie_ascent.autotune.benchmark import prefers_channels_last, rates
from reverie_ascent.lowering.bfloat16 import halve
from reverie_ascent.lowering.cost_model import Costs
from reverie_ascent.lowering.lower import lower
from reverie_ascent.lowering.negation import negate
from reverie_ascent.runtime.session import Device


def prepare(model: ir.Model, device: Device) -> Device:
    """Rewrite a step program for the device that will run it; return the device with what is best for it there.

    On an exact CPU the program stays as it is.
    """
    if not device.type.multiplies_rows:
        negate(model)
        if device.bfloat16:
            halve(model)
        return replace(device, channels_last=prefers_channels_last(device))
    if not device.exact:
        lower(model, Costs(rates(device)), threads=device.threads)
    return device
