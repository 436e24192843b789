"""Makes a lowering plan from measurements of this machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import fields

from reverie_ascent.autotune import benchmark
from reverie_ascent.plan import LoweringPlan, Rates
from reverie_ascent.runtime.session import Device

REPEATS = 5
"""The number of measurements, whose medians are used: on a shared machine a single one may be wrong by half."""


def tune(device: Device, *, progress: Callable[[str], None] = lambda stage: None) -> LoweringPlan:
    """Measure a device and return its plan; ``progress`` is called with a sentence before each part.

    Pictures that are rendered with the plan have their own maker. If several machines must make equal pictures, tune
    one of them and use its file on all.
    """
    rates, channels_last = None, False
    if device.type.multiplies_rows:
        measured = []
        for turn in range(REPEATS):
            progress(f"measuring convolutions, {turn + 1} of {REPEATS}")
            measured.append(benchmark.rates(device))
        rates = medians(measured)
    else:
        progress("comparing the layouts of convolutions")
        channels_last = benchmark.prefers_channels_last(device)
    progress("measuring how many pictures should share a step")
    batch = benchmark.best_batch(benchmark.batch_curve(device))
    origin = f"Measured by `reverie tune` with ONNX Runtime {device.onnxruntime_version}."
    return LoweringPlan(device.kind, rates, channels_last, batch, device.threads, origin)


def medians(measured: Sequence[Rates]) -> Rates:
    """Return the median of each rate."""
    tables = [field.name for field in fields(Rates) if field.name != "conversion"]
    middle = {
        name: {
            channels: statistics.median(getattr(rates, name)[channels] for rates in measured)
            for channels in getattr(measured[0], name)
        }
        for name in tables
    }
    return Rates(**middle, conversion=statistics.median(rates.conversion for rates in measured))
