"""The CPU, which is always available."""

from __future__ import annotations

from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.devices.entry import DeviceType

CPU = DeviceType(
    name="cpu",
    provider="CPUExecutionProvider",
    problem=lambda: None,
    place=("cpu", 0),
    instruction_set=instruction_set.cpu,
    # Buffers that are planned after the first run would be added to those of the first run: without planning VGG19's
    # conv5_1 needs 190 MiB less and is as fast.
    plans_memory=False,
    multiplies_rows=True,
)
