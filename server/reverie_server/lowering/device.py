"""Which lowering a device has."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from reverie_server.lowering.calibrate import prefers_channels_last, rates
from reverie_server.lowering.cost import Costs
from reverie_server.lowering.half import halve
from reverie_server.lowering.lower import lower
from reverie_server.lowering.negate import negate
from reverie_server.runtime import Device


def prepare(model: ir.Model, device: Device) -> Device:
    """Rewrite a step program for the device that will run it; return the device with what is best for it there.

    On an exact CPU the program stays as it is.
    """
    if device.name == "cuda":
        negate(model)
        if device.bfloat16:
            halve(model)
        return replace(device, channels_last=prefers_channels_last(device))
    if not device.exact:
        lower(model, Costs(rates(device)), threads=device.threads)
    return device
