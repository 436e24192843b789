"""The table of all types of devices."""

from __future__ import annotations

from collections.abc import Mapping

from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.devices.entry import DeviceType

#: The types by name, in the order of preference. The last one always works.
DEVICES: Mapping[str, DeviceType] = {each.name: each for each in (CUDA, CPU)}
