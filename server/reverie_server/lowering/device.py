"""Which lowering a device has."""

from __future__ import annotations

import onnx_ir as ir

from reverie_server.lowering.calibrate import rates
from reverie_server.lowering.cost import Costs
from reverie_server.lowering.lower import lower
from reverie_server.runtime import Device


def prepare(model: ir.Model, device: Device) -> None:
    """Rewrite a step program for the device that will run it; on an exact one, and on GPUs, it stays as it is."""
    if device.name == "cpu" and not device.exact:
        lower(model, Costs(rates(device)))
