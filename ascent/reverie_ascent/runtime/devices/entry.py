"""What the runtime has to know of a type of device; each type is one entry in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reverie_ascent.runtime.instruction_set import InstructionSet


@dataclass(frozen=True)
class DeviceType:
    """One type of device: how it is found, what its provider is told, and what suits it."""

    #: What it is called in `choose_device` and in the class of a device.
    name: str
    #: ONNX Runtime's name for what computes there, its execution provider.
    provider: str
    #: Says why it cannot be used here, or None where it can.
    problem: Callable[[], str | None]
    #: Where ONNX Runtime keeps a tensor of it: the name of a kind of memory, and its number.
    place: tuple[str, int]
    #: Finds the class of instruction set that computes there.
    instruction_set: Callable[[], InstructionSet]
    #: What the provider is told: by ``exact`` and by ``channels_last``, both of `Device`.
    options: Callable[[bool, bool], Mapping[str, str]] = lambda exact, channels_last: {}
    #: What each session is told.
    config: Mapping[str, str] = field(default_factory=dict)
    #: Whether buffers are planned after the first run.
    plans_memory: bool = True
    #: Whether a run is recorded and replayed, with one recording for each set of tensors.
    records_runs: bool = False
    #: Whether convolutions are faster there as Winograd's products on rows of tiles, which `lowering` makes of them.
    multiplies_rows: bool = False
    #: Whether convolutions can be computed there in bfloat16.
    has_bfloat16: bool = False
