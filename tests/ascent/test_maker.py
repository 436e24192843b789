"""The maker identifies everything besides the spec that affects a picture's bytes, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from reverie_ascent.maker import ENGINE_VERSION, Maker, maker_of
from reverie_ascent.plan import LoweringPlan, shipped
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.session import Device

CPU_DEVICE = Device(
    "cpu", (CPU.provider,), 2, instruction_set="avx512", plan=shipped("avx512"), onnxruntime_version="1.32.0"
)
GPU = Device("cuda", (CUDA.provider,), 2, instruction_set="sm90", plan=shipped("cuda"), onnxruntime_version="1.32.0")

# A change of a device, and whether it changes the maker.
CHANGES: list[tuple[Device, dict[str, Any], bool]] = [
    (CPU_DEVICE, {"threads": 64}, False),
    (CPU_DEVICE, {"providers": ()}, False),
    (CPU_DEVICE, {"instruction_set": "avx2"}, True),
    (CPU_DEVICE, {"plan": shipped("avx2")}, True),
    (CPU_DEVICE, {"exact": True}, True),
    (CPU_DEVICE, {"batch": 4}, True),
    (CPU_DEVICE, {"onnxruntime_version": "1.33.0"}, True),
    (GPU, {"bfloat16": True}, True),
    (GPU, {"instruction_set": "sm80"}, True),
    (GPU, {"plan": LoweringPlan("cuda", None, channels_last=True)}, True),
]


@pytest.mark.parametrize(("device", "change", "other"), CHANGES, ids=lambda value: str(value)[:40])
def test_a_change_that_affects_bytes_changes_the_maker(device: Device, change: dict[str, Any], other: bool) -> None:
    one, two = maker_of(device), maker_of(replace(device, **change))
    assert (one.name != two.name) == (one.digest != two.digest) == other


def test_an_exact_cpu_has_no_plan_because_it_lowers_nothing() -> None:
    exact = replace(CPU_DEVICE, exact=True)
    assert maker_of(exact) == maker_of(replace(exact, plan=shipped("avx2")))
    assert maker_of(exact).plan == ""


def test_the_name_of_a_maker_is_readable_and_a_valid_folder_name() -> None:
    maker = maker_of(CPU_DEVICE)
    assert maker.device_class == CPU_DEVICE.kind == "cpu-avx512"
    assert maker.name == f"cpu-avx512-onnxruntime-1.32.0-engine-{ENGINE_VERSION}-{maker.digest[:16]}"
    assert replace(maker, precision="exact", batch=4).device_class == "cpu-avx512-exact-batch4"
    assert isinstance(maker, Maker)
    assert len(bytes.fromhex(maker.digest)) == 32
