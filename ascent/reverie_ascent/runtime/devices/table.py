"""The types of devices that there are."""

from __future__ import annotations

from collections.abc import Mapping

from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.devices.entry import DeviceType

#: By name, the one that is preferred where several work first. The last one always works.
DEVICES: Mapping[str, DeviceType] = {each.name: each for each in (CUDA, CPU)}
