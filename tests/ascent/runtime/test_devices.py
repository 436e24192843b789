"""Devices by name, and the message if one is not available."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from reverie_ascent.plan import LoweringPlan
from reverie_ascent.runtime import devices, session
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA, PROBE
from reverie_ascent.runtime.devices.table import DEVICES
from reverie_ascent.runtime.session import Device, DeviceUnavailable, Session, choose_device

needs_no_cuda = pytest.mark.skipif(
    CUDA.provider in onnxruntime.get_available_providers(), reason="this machine may have CUDA"
)


def test_the_cpu_is_always_available() -> None:
    device = choose_device("cpu", threads=1)
    assert (device.name, device.providers) == ("cpu", (CPU.provider,))
    assert device.threads >= 1
    assert device.onnxruntime_version == onnxruntime.__version__


@needs_no_cuda
def test_a_missing_cuda_is_refused_with_a_remedy() -> None:
    with pytest.raises(DeviceUnavailable, match=r"has no CUDAExecutionProvider.*install reverie\[server-gpu\]"):
        choose_device("cuda")


@needs_no_cuda
def test_auto_is_the_cpu_if_cuda_is_missing() -> None:
    assert choose_device("auto").name == "cpu"


def test_auto_is_the_first_that_works_and_the_last_always_does(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = replace(CUDA, name="first", problem=lambda: "is out"), replace(CUDA, name="second")
    works = replace(second, problem=lambda: None)
    assert list(DEVICES.values())[-1].problem() is None
    monkeypatch.setattr(session, "DEVICES", {each.name: each for each in (first, works, CPU)})
    assert choose_device("auto").name == "second"
    with pytest.raises(DeviceUnavailable, match="is out"):
        choose_device("first")
    with pytest.raises(ValueError, match="is not one of auto, cpu, first, second"):
        choose_device("cuda")


def test_every_device_is_an_entry_of_the_table_in_a_file_of_its_name() -> None:
    folder = Path(devices.__path__[0])
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "entry", "table"}
    assert files == set(DEVICES)
    assert all(name == device.name for name, device in DEVICES.items())


def test_only_a_devices_own_file_contains_its_name() -> None:
    comparison = re.compile(r"\.name\s*(==|!=|in)\s*[(\[]?[\"'](cpu|cuda)")
    root = Path(__file__).parents[3]
    files = [path for folder in ("ascent", "server") for path in (root / folder).rglob("*.py")]
    assert [str(path) for path in files if comparison.search(path.read_text())] == []


@pytest.mark.parametrize("name", ["gpu", "CUDA", "", "cuda:1"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' is not one of auto, cpu, cuda"):
        choose_device(name)


def test_bfloat16_is_for_gpus() -> None:
    with pytest.raises(DeviceUnavailable, match="bfloat16 is for GPUs"):
        choose_device("cpu", bfloat16=True)
    with pytest.raises(ValueError, match="exact or computes in bfloat16"):
        choose_device("cpu", exact=True, bfloat16=True)


def test_devices_that_make_other_pictures_have_other_classes() -> None:
    kinds = [
        Device("cuda", (CUDA.provider,), 1, exact=e, bfloat16=b, batch=n, instruction_set="sm90").kind
        for e, b, n in ((False, False, 1), (True, False, 1), (False, True, 4))
    ]
    assert kinds == ["cuda-sm90", "cuda-sm90-exact", "cuda-sm90-bfloat16-batch4"]


# ----- options of a GPU session; how the GPU applies them cannot be tested without one -----


class Recorder:
    """A fake session on a GPU, which records its options and the CUDA graph of each run."""

    made: tuple[Any, Any]

    def __init__(self, model: bytes, options: Any, providers: Any) -> None:
        Recorder.made = options, providers
        self.graphs: list[str] = []
        plain = onnxruntime.SessionOptions()
        plain.use_per_session_threads = options.use_per_session_threads
        self._real = REAL(model, plain, providers=[CPU.provider])

    def io_binding(self) -> Any:
        return self._real.io_binding()

    def get_outputs(self) -> Any:
        return self._real.get_outputs()

    def run(self, names: Any, feeds: Any, options: Any) -> Any:
        self.graphs.append(options.get_run_config_entry("gpu_graph_id"))
        return self._real.run(names, feeds)

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self.graphs.append(options.get_run_config_entry("gpu_graph_id"))
        self._real.run_with_iobinding(binding)


REAL = onnxruntime.InferenceSession


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(onnxruntime, "InferenceSession", Recorder)
    plan = LoweringPlan("cuda", None, channels_last=True)
    session = Session(ir.from_onnx_text(PROBE), Device("cuda", (CUDA.provider,), 1, plan=plan))
    session._place = ("cpu", 0)
    return session


def test_every_node_must_run_on_the_gpu_and_steps_are_recorded(on_gpu: Session) -> None:
    options, [(name, given)] = Recorder.made
    assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
    assert name == CUDA.provider
    assert given == {
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "1",
        "enable_cuda_graph": "1",
        "prefer_nhwc": "1",
    }


def test_an_exact_gpu_rounds_no_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "InferenceSession", Recorder)
    Session(ir.from_onnx_text(PROBE), Device("cuda", (CUDA.provider,), 1, exact=True))
    assert Recorder.made[1][0][1]["use_tf32"] == "0"


def test_each_binding_has_its_own_recording_and_a_single_run_has_none(on_gpu: Session) -> None:
    x, y = (on_gpu.tensor(np.ones(1, np.float32)) for _ in range(2))
    there, back = on_gpu.bind({"x": x}, {"y": y}), on_gpu.bind({"x": y}, {"y": x})
    for _ in range(3):
        there.run()
        back.run()
    assert on_gpu.run({"x": np.full(1, 2, np.float32)})["y"] == [-2]
    *recorded, single = on_gpu._session.graphs
    assert recorded == [*recorded[:2]] * 3
    assert recorded[0] != recorded[1]
    assert single == "-1"
