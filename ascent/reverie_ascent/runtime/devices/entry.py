"""The properties of a type of device that the runtime uses; each type is one entry in its own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reverie_ascent.runtime.instruction_set import InstructionSet


@dataclass(frozen=True)
class DeviceType:
    """One type of device: how it is detected, the options of its provider, and its capabilities."""

    #: The name in `choose_device` and in the class of a device.
    name: str
    #: ONNX Runtime's execution provider.
    provider: str
    #: Returns why the device cannot be used here, or None if it can.
    problem: Callable[[], str | None]
    #: The memory of its tensors, by ONNX Runtime's name and number.
    place: tuple[str, int]
    #: Detects its class of instruction set.
    instruction_set: Callable[[], InstructionSet]
    #: Returns the provider's options for ``exact`` and ``channels_last``, both of `Device`.
    options: Callable[[bool, bool], Mapping[str, str]] = lambda exact, channels_last: {}
    #: The configuration entries of each session.
    config: Mapping[str, str] = field(default_factory=dict)
    #: Whether buffers are planned after the first run.
    plans_memory: bool = True
    #: Whether a run is recorded and replayed, with one recording for each set of tensors.
    records_runs: bool = False
    #: Whether convolutions are faster as Winograd's products on rows of tiles, to which `lowering` rewrites them.
    multiplies_rows: bool = False
    #: Whether convolutions can be computed in bfloat16.
    has_bfloat16: bool = False
