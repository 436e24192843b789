"""The CPU, which is always there."""

from __future__ import annotations

from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.devices.entry import DeviceType

CPU = DeviceType(
    name="cpu",
    provider="CPUExecutionProvider",
    problem=lambda: None,
    place=("cpu", 0),
    instruction_set=instruction_set.cpu,
    # Buffers planned after the first run would come beside those of the first: VGG19's conv5_1 holds 190 MiB less
    # without, and takes as long.
    plans_memory=False,
    multiplies_rows=True,
)
