"""Devices, and sessions that run a graph on a device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from reverie_ascent.maker import device_class, precision_of
from reverie_ascent.plan import LoweringPlan, UnusablePlan, find, shipped
from reverie_ascent.runtime.devices.entry import DeviceType
from reverie_ascent.runtime.devices.table import DEVICES
from reverie_ascent.runtime.ort import onnxruntime
from reverie_ascent.runtime.process import Origin
from reverie_ascent.runtime.threads import SharedThreads, thread_count

log = logging.getLogger(__name__)

#: An array on the device.
Tensor: TypeAlias = Any  # onnxruntime.OrtValue
Array: TypeAlias = npt.NDArray[Any]


class DeviceUnavailable(RuntimeError):
    """The requested device cannot be used here; the message says what is missing."""


@dataclass(frozen=True)
class Device:
    """A device, and the settings that decide how it computes pictures.

    An ``exact`` device runs programs that are not lowered. With ``bfloat16``, on a GPU, convolutions round their
    operands. ``batch`` pictures share a step. A step has ``threads`` CPU threads: those of the pool ``shared``, or else
    of each session. ``instruction_set`` is the class of the processor or GPU, such as "avx512", and ``plan`` decides
    how programs are lowered.
    """

    name: str
    providers: tuple[str, ...]
    threads: int
    exact: bool = False
    bfloat16: bool = False
    batch: int = 1
    shared: SharedThreads | None = None
    instruction_set: str = ""
    plan: LoweringPlan | None = None
    onnxruntime_version: str = onnxruntime.__version__

    @property
    def type(self) -> DeviceType:
        """The properties of all devices with its name."""
        return DEVICES[self.name]

    @property
    def channels_last(self) -> bool:
        """Whether convolutions work on [N, H, W, C], by the plan."""
        return self.plan is not None and self.plan.channels_last

    @property
    def kind(self) -> str:
        """The name of the device's class, such as "cpu-avx512"; `maker.maker_of` has all that pictures depend on."""
        return device_class(self.name, self.instruction_set, precision_of(self), self.batch)


def choose_device(
    name: str = "auto",
    *,
    threads: int | SharedThreads | None = None,
    exact: bool = False,
    bfloat16: bool = False,
    plan: str | None = None,
) -> Device:
    """Return the device with a name of `DEVICES`; "auto" is the first of them that works.

    ``threads`` is the number of CPU threads of one step, by default that of `thread_count`, or a shared pool. An
    ``exact`` device runs the graphs as they were exported. ``bfloat16``, on a GPU, rounds the operands of convolutions.
    ``plan`` is a lowering plan, as `plan.find` takes it; the default is the one that ships for the device's class. The
    plan has the number of pictures that share a step.

    Raises DeviceUnavailable if the device, or bfloat16, does not work, UnusablePlan if the plan is missing or damaged,
    and ValueError for an unknown name, for exact and bfloat16 at once, or for a number of threads below 1.
    """
    if exact and bfloat16:
        raise ValueError("a device is exact or computes in bfloat16, not both")
    if name not in ("auto", *DEVICES):
        raise ValueError(f"device {name!r} is not one of auto, {', '.join(sorted(DEVICES))}")
    shared = threads if isinstance(threads, SharedThreads) else None
    number = threads.count if isinstance(threads, SharedThreads) else thread_count(threads)
    chosen = _first_that_works() if name == "auto" else DEVICES[name]
    if name != "auto" and (problem := chosen.problem()) is not None:
        raise DeviceUnavailable(problem)
    if bfloat16 and not chosen.has_bfloat16:
        raise DeviceUnavailable(f"bfloat16 is for GPUs, and this computes on the {chosen.name.upper()}; leave it out")
    return _planned(Device(chosen.name, (chosen.provider,), number, exact, bfloat16, shared=shared), plan)


def _first_that_works() -> DeviceType:
    for each in DEVICES.values():
        problem = each.problem()
        if problem is None:
            return each
        log.info("not rendering on %s: %s", each.name, problem)
    raise AssertionError("the last device always works")


def _planned(device: Device, requested: str | None) -> Device:
    """Return a device with its class and a plan: the requested one, or the one of its class."""
    instruction_set = device.type.instruction_set()
    device = replace(device, instruction_set=instruction_set.name)
    plan = shipped(instruction_set.plan) if requested is None else find(requested, device.kind)
    if (plan.rates is None) is device.type.multiplies_rows:
        raise UnusablePlan(
            f"the lowering plan {requested} is for another kind of device than {device.kind}; leave it out"
        )
    return replace(device, plan=plan, batch=plan.batch)


# ----- sessions -----


class Session:
    """One graph, loaded on a device; ``model`` must not be used afterwards.

    ``weights`` holds the contents of the files that the graph's external tensors name. Every node runs on the device:
    on a GPU, a node that only the CPU can run is an error, because it would make every step slow. Making a session does
    not change other sessions. A session can be used only in the process that made it: in a forked child it raises
    ForkedProcess.
    """

    def __init__(self, model: ir.Model, device: Device, *, weights: Mapping[str, Array] | None = None) -> None:
        self.device = device
        self._origin = device.shared.origin if device.shared else Origin("a session of ONNX Runtime")
        self._origin.check()
        options = _options(device)
        files = {**(weights or {}), **_take_constants(model.graph)}
        if files:
            options.add_external_initializers_from_files_in_memory(
                list(files), list(files.values()), [file.nbytes for file in files.values()]
            )
        proto: onnx.ModelProto = ir.to_proto(model)
        self._session = onnxruntime.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=[(device.type.provider, dict(device.type.options(device.exact, device.channels_last)))],
        )
        self._place = device.type.place

    def tensor(self, array: Array) -> Tensor:
        """Return a copy of ``array`` on the device."""
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.array(array, order="C"), *self._place)

    def bind(self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Binding:
        """Bind the graph to the tensors that it reads and writes at each run; they must not overlap."""
        return Binding(self._session, inputs, outputs, self._recording(_new_recording), self._origin)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; return the outputs, as arrays, by name."""
        self._origin.check()
        names = [output.name for output in self._session.get_outputs()]
        unrecorded = self._recording(lambda: NOT_RECORDED)
        return dict(zip(names, self._session.run(names, dict(feeds), unrecorded), strict=True))

    def _recording(self, recording: Callable[[], str]) -> Any:
        """Return run options that name a recording of the device's work, or None if the device records none."""
        if not self.device.type.records_runs:
            return None
        options = onnxruntime.RunOptions()
        options.add_run_config_entry(RECORDING, recording())
        return options


def _options(device: Device) -> Any:
    """Return the options of a session on a device."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    options.enable_mem_pattern = device.type.plans_memory
    if device.shared:
        options.use_per_session_threads = False
    else:
        options.intra_op_num_threads = device.threads
        options.inter_op_num_threads = 1  # nodes run one after the other
        # Threads that wait within a run spin, which makes a step of many small nodes fast. After a run they must not:
        # every loaded program has threads, and spinning idle ones would take the cores from the program that runs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
    for name, value in device.type.config.items():
        options.add_session_config_entry(name, value)
    return options


RECORDING = "gpu_graph_id"
NOT_RECORDED = "-1"
"""The value of `RECORDING` for a run that is neither recorded nor replayed."""

_recordings = count(1)


def _new_recording() -> str:
    """Return a number for a recording, unique in this process."""
    return str(next(_recordings))


LARGE = 1024
"""Constants of more bytes are passed to the runtime as files in memory: a protobuf message would hold two more copies
of them, and is limited to 2 GB."""


def _take_constants(graph: ir.Graph) -> dict[str, Array]:
    """Replace the large constants of a graph by references, and return the constants by the names of the references.

    Otherwise they would stay in memory until Python's cycle collector runs, because the objects of a graph refer to
    each other.
    """
    taken: dict[str, Array] = {}
    for value in graph.initializers.values():
        tensor = value.const_value
        if tensor is not None and not isinstance(tensor, ir.ExternalTensor) and tensor.nbytes > LARGE:
            name = f"constant_{len(taken)}"
            taken[name] = np.ascontiguousarray(tensor.numpy())
            value.const_value = ir.ExternalTensor(
                name, 0, tensor.nbytes, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=str(value.name)
            )
    return taken


class Binding:
    """A session bound to the tensors that it reads and writes; made by `Session.bind`."""

    def __init__(
        self, session: Any, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], options: Any, origin: Origin
    ) -> None:
        self._session, self._options, self._origin = session, options, origin
        self._binding = session.io_binding()
        for name, tensor in inputs.items():
            self._binding.bind_ortvalue_input(name, tensor)
        for name, tensor in outputs.items():
            self._binding.bind_ortvalue_output(name, tensor)

    def run(self) -> None:
        """Run once; raise ForkedProcess in a child of the process that made the session."""
        self._origin.check()
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
