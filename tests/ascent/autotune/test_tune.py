"""The plan that `reverie tune` makes from measurements: medians, a batch size, a layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from reverie_ascent.autotune import benchmark, tune
from reverie_ascent.plan import LoweringPlan, Rates
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.devices.cuda import CUDA
from reverie_ascent.runtime.session import Device

CPU_DEVICE = Device("cpu", (CPU.provider,), 3, instruction_set="avx2")
GPU = Device("cuda", (CUDA.provider,), 1, instruction_set="sm90", plan=LoweringPlan("cuda", None))
RATES = Rates({16: 1.0, 64: 9.0}, {16: 2.0}, {16: 3.0}, {16: 4.0}, 0.5)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: Iterator[float] = iter([1.0, 50.0, 3.0, 2.0, 0.1])  # one measurement was disturbed
    monkeypatch.setattr(benchmark, "rates", lambda device: replace(RATES, plain={16: 1.0, 64: next(turns)}))
    monkeypatch.setattr(benchmark, "batch_curve", lambda device: {1: 1.0, 2: 1.1, 4: 3.0})
    monkeypatch.setattr(benchmark, "prefers_channels_last", lambda device: True)


@pytest.mark.usefixtures("measured")
def test_a_cpu_has_the_medians_of_its_rates() -> None:
    lines: list[str] = []
    plan = tune.tune(CPU_DEVICE, progress=lines.append)
    assert plan.rates == replace(RATES, plain={16: 1.0, 64: 2.0})
    assert (plan.name, plan.threads, plan.batch, plan.channels_last) == ("cpu-avx2", 3, 2, False)
    assert len(lines) == tune.REPEATS + 1


@pytest.mark.usefixtures("measured")
def test_a_gpu_has_a_layout_and_no_rates() -> None:
    plan = tune.tune(GPU)
    assert (plan.name, plan.rates, plan.batch, plan.channels_last) == ("cuda-sm90", None, 2, True)
