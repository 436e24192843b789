"""Devices by name, and what is said where one cannot be had."""

from __future__ import annotations

import onnxruntime
import pytest
from reverie_server.runtime import CPU, CUDA, DeviceUnavailable, choose_device

needs_no_cuda = pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this machine may have CUDA")


def test_the_cpu_is_always_there() -> None:
    device = choose_device("cpu", threads=1)
    assert (device.name, device.providers) == ("cpu", (CPU,))
    assert device.threads >= 1
    assert device.onnxruntime_version == onnxruntime.__version__


@needs_no_cuda
def test_where_cuda_is_missing_the_remedy_is_named() -> None:
    with pytest.raises(DeviceUnavailable, match=r"has no CUDAExecutionProvider.*install reverie\[server-gpu\]"):
        choose_device("cuda")


@needs_no_cuda
def test_auto_is_the_cpu_where_cuda_is_missing() -> None:
    assert choose_device("auto").name == "cpu"


@pytest.mark.parametrize("name", ["gpu", "CUDA", "", "cuda:1"])
def test_another_name_is_refused_with_the_ones_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' is not one of auto, cpu, cuda"):
        choose_device(name)
