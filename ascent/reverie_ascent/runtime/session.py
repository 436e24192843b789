"""The one file that imports onnxruntime: devices, the thread pool that all sessions share, and sessions."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime

from reverie_ascent.maker import Precision, device_class
from reverie_ascent.plan import LoweringPlan, UnusablePlan, find, shipped
from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.devices.cuda import GRAPH, NOT_RECORDED, new_graph, provider_options

log = logging.getLogger(__name__)

#: An array on the device.
Tensor: TypeAlias = Any  # onnxruntime.OrtValue
Array: TypeAlias = npt.NDArray[Any]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

PROBE = '<ir_version: 9, opset_import: ["": 18]> probe (float[1] x) => (float[1] y) { y = Neg(x) }'

THREADS = "REVERIE_THREADS"


class DeviceUnavailable(RuntimeError):
    """The device that was asked for cannot be used here; the message says what is missing."""


@dataclass(frozen=True)
class Device:
    """Where pictures are computed, and whether by the plain graph (``exact``) or by one lowered for the device.

    ``bfloat16`` is a GPU's: whether its convolutions round their operands. ``batch`` pictures are computed at once.
    ``instruction_set`` is the class of what computes, such as "avx512", and ``plan`` decides how programs are lowered.
    """

    name: str
    providers: tuple[str, ...]
    threads: int
    exact: bool = False
    bfloat16: bool = False
    batch: int = 1
    instruction_set: str = ""
    plan: LoweringPlan | None = None
    onnxruntime_version: str = onnxruntime.__version__

    @property
    def kind(self) -> str:
        """The device's class in words, such as "cpu-avx512"; `maker.maker_of` names all that pictures depend on."""
        precision: Precision = "exact" if self.exact else "bfloat16" if self.bfloat16 else "float32"
        return device_class(self.name, self.instruction_set, precision, self.batch)


def choose_device(
    name: str = "auto",
    *,
    threads: int | None = None,
    exact: bool = False,
    bfloat16: bool = False,
    plan: str | None = None,
) -> Device:
    """Return the device called "cpu" or "cuda"; "auto" is CUDA where it works and the CPU elsewhere.

    ``threads`` bounds the CPU threads of one step, for the whole process; the first call decides. By default it is the
    number in the environment variable REVERIE_THREADS, or else the number of cores this process may use. An ``exact``
    device runs the graphs as they were exported. ``bfloat16``, on a GPU, rounds the operands of convolutions. ``plan``
    is a lowering plan, as `plan.find` takes it; by default it is the one that ships for the device's class, and so is
    the number of pictures that share a step.

    Raises DeviceUnavailable where "cuda", or bfloat16, does not work, UnusablePlan for a plan that is not there or
    damaged, and ValueError for another name, or for exact and bfloat16 at once.
    """
    if exact and bfloat16:
        raise ValueError("a device is exact or computes in bfloat16, not both")
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {name!r} is not one of auto, cpu, cuda")
    if name != "cpu":
        problem = _cuda_problem()
        if problem is None:
            return _planned(Device("cuda", (CUDA,), _share_threads(threads), exact, bfloat16), plan)
        if name == "cuda":
            raise DeviceUnavailable(problem)
        log.info("rendering on the CPU: %s", problem)
    if bfloat16:
        raise DeviceUnavailable("bfloat16 is for GPUs, and this computes on the CPU; leave it out")
    return _planned(Device("cpu", (CPU,), _share_threads(threads), exact), plan)


def _planned(device: Device, asked: str | None) -> Device:
    """Return a device with its class and a plan: the one asked for, or the one of its class."""
    found = instruction_set.cpu() if device.name == "cpu" else instruction_set.cuda()
    device = replace(device, instruction_set=found.name)
    plan = shipped(found.plan) if asked is None else find(asked, device.kind)
    if (plan.rates is None) is (device.name == "cpu"):
        raise UnusablePlan(f"the lowering plan {asked} is for another kind of device than {device.kind}; leave it out")
    return replace(device, plan=plan, batch=plan.batch)


def _cuda_problem() -> str | None:
    """Say why CUDA cannot be used, or None where it can."""
    available = onnxruntime.get_available_providers()
    if CUDA not in available:
        return (
            f"onnxruntime {onnxruntime.__version__} here has no {CUDA}, only {', '.join(available)};"
            " install reverie[server-gpu] in place of reverie[server]"
        )
    try:
        onnxruntime.preload_dlls()
        Session(ir.from_onnx_text(PROBE), Device("cuda", (CUDA,), 1)).run({"x": np.zeros(1, np.float32)})
    except Exception as error:  # onnxruntime's own exceptions have no common type
        return f"{CUDA} does not work here: {error}"
    return None


# ----- threads -----

_lock = Lock()
_threads: int | None = None
_shared = False


def _share_threads(wanted: int | None) -> int:
    """Size the process's one pool of threads, once, and return its size.

    Every session uses it: with pools of their own, a few loaded programs would have more threads than there are cores.
    """
    global _threads, _shared
    with _lock:
        if _threads is None:
            _threads = wanted or int(os.environ.get(THREADS) or 0) or _cores()
            try:
                onnxruntime.set_global_thread_pool_sizes(_threads, 1)
                _shared = True
            except Exception as error:  # the host process has made a session of its own before us
                log.info("sessions have their own threads: %s", error)
        elif wanted not in (None, _threads):
            log.warning("this process computes with %d threads already; the %d asked for are ignored", _threads, wanted)
        return _threads


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ----- sessions -----


class Session:
    """One graph, loaded on a device; ``model`` is used up.

    ``weights`` holds the contents of the files that the graph's external tensors name. Every node runs on the device:
    where it is not the CPU, a node that only the CPU can run is an error, not a slow picture.
    """

    def __init__(self, model: ir.Model, device: Device, *, weights: Mapping[str, Array] | None = None) -> None:
        self.device = device
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.use_deterministic_compute = True
        # On a CPU the buffers planned after the first run come beside those of the first: VGG19's conv5_1 holds 190 MiB
        # less without, and takes as long.
        options.enable_mem_pattern = device.name != "cpu"
        if _shared:
            options.use_per_session_threads = False
        else:
            options.intra_op_num_threads = device.threads
        providers: list[Any] = [*device.providers]
        if device.name == "cuda":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            last = device.plan is not None and device.plan.channels_last
            providers = [(CUDA, provider_options(exact=device.exact, channels_last=last))]
        files = {**(weights or {}), **_take_constants(model.graph)}
        if files:
            options.add_external_initializers_from_files_in_memory(
                list(files), list(files.values()), [file.nbytes for file in files.values()]
            )
        proto: onnx.ModelProto = ir.to_proto(model)
        self._session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=providers)
        self._place = ("cuda", 0) if device.name == "cuda" else ("cpu", 0)

    def tensor(self, array: Array) -> Tensor:
        """Return a copy of ``array`` on the device."""
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.array(array, order="C"), *self._place)

    def bind(self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Binding:
        """Tie the graph to tensors that it reads and writes at each run; they must not overlap."""
        return Binding(self._session, inputs, outputs, self._recording(new_graph))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once, from arrays to arrays."""
        names = [output.name for output in self._session.get_outputs()]
        unrecorded = self._recording(lambda: NOT_RECORDED)
        return dict(zip(names, self._session.run(names, dict(feeds), unrecorded), strict=True))

    def _recording(self, graph: Callable[[], str]) -> Any:
        """Return run options that name a recording of the GPU's work; None where there is none."""
        if self.device.name != "cuda":
            return None
        options = onnxruntime.RunOptions()
        options.add_run_config_entry(GRAPH, graph())
        return options


LARGE = 1024
"""Bytes above which a constant goes to the runtime as a file in memory: a message would hold it twice more, and no
message can be larger than 2 GB."""


def _take_constants(graph: ir.Graph) -> dict[str, Array]:
    """Take the large constants out of a graph, which refers to them from then on by the names returned.

    Left in it they would stay in memory until Python looks for cycles, for the objects of a graph refer to each other.
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
    """A session tied to the tensors that it reads and writes; made by `Session.bind`."""

    def __init__(self, session: Any, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], options: Any) -> None:
        self._session, self._options = session, options
        self._binding = session.io_binding()
        for name, tensor in inputs.items():
            self._binding.bind_ortvalue_input(name, tensor)
        for name, tensor in outputs.items():
            self._binding.bind_ortvalue_output(name, tensor)

    def run(self) -> None:
        """Run once."""
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
