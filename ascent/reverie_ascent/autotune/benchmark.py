"""Measures what convolutions cost on this machine, plain and on rows: once, in about two seconds, and keeps it.

The figures decide which nodes are lowered, and so, in the last bits, what a picture looks like. They are kept in the
user's cache, so that every process on a machine decides alike; delete the file to measure again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from reverie_ascent.autotune.cache import kept
from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import settle
from reverie_ascent.lowering.cost_model import Rates
from reverie_ascent.lowering.lower import rewrite
from reverie_ascent.runtime.session import Device, Session

FORMAT = 1
"""Raised whenever what is measured changes its meaning."""

SIZES: Mapping[int, int] = {16: 112, 32: 112, 64: 56, 128: 56, 256: 28}
"""Channels, and the side of the pictures that they are measured with: as in most networks, more of one, less of the
other."""

TURNS = 5

BATCHES = (1, 2, 4, 8, 16, 32)
"""Sizes of batches that are tried, until one costs too much."""

DEARER = 1.25
"""How much longer than a step of one picture that of a batch may take: a render that is alone in it pays for it."""


@lru_cache(maxsize=8)
def rates(device: Device) -> Rates:
    """Return the rates of this machine for a device's number of threads: those kept, or else measured and kept."""
    return kept(f"rates-{_key(device)}", lambda: measure(device), dataclasses.asdict, _rates)


@lru_cache(maxsize=8)
def prefers_channels_last(device: Device) -> bool:
    """Whether a GPU's convolutions are faster on [N, H, W, C]: by a trial, which is kept as well."""
    return kept(f"layout-{_key(device)}", lambda: _try_layouts(device), bool, bool)


@lru_cache(maxsize=8)
def preferred_batch(device: Device) -> int:
    """Return how many pictures a device computes at once for hardly more than the cost of one: 1 on most CPUs."""
    curve = kept(f"batch-{_key(device)}-{device.name}", lambda: _batch_curve(device), dict, _curve)
    return best_batch(curve)


def best_batch(curve: Mapping[int, float]) -> int:
    """Return the largest batch of a curve, from size to seconds of a step, that is at most `DEARER` than one alone."""
    return max(size for size, seconds in curve.items() if seconds <= DEARER * curve[1])


def measure(device: Device) -> Rates:
    """Measure."""
    plain, rows, plain_1, rows_1 = {}, {}, {}, {}
    for channels, size in SIZES.items():
        plain[channels], rows[channels] = _convolutions(device, channels, size, kernel=3)
        plain_1[channels], rows_1[channels] = _convolutions(device, channels, size, kernel=1)
    return Rates(plain, rows, plain_1, rows_1, _conversion(device))


def _convolutions(device: Device, channels: int, size: int, *, kernel: int) -> tuple[float, float]:
    """Return what a multiply and add takes, plain and on rows, in nanoseconds.

    A chain of three is compared with a chain of one, so that what happens at both ends cancels out.
    """
    runs = []
    for length in (3, 1):
        for lowered in (False, True):
            model = _chain(channels, size, kernel, length)
            settle(model)
            if lowered:
                rewrite(model, list(model.graph), threads=device.threads)
            runs.append(_runner(Session(model, device), channels, size))
    long, long_rows, short, short_rows = _times(runs)
    products = 2 * channels**2 * size**2 * kernel**2
    least = 1e-3 * products  # a rate that noise made negative would lower everything, or nothing
    return max(1e9 * (long - short), least * 1e-3) / products, max(
        1e9 * (long_rows - short_rows), least * 1e-3
    ) / products


def _batch_curve(device: Device) -> dict[int, float]:
    """Measure steps of growing batches, in turn with those of one picture, until one is too dear."""
    channels, size = 128, 56
    curve: dict[int, float] = {}
    alone = _runner(Session(_chain(channels, size, 3, 3), device), channels, size)
    for batch in BATCHES:
        more = _runner(Session(_chain(channels, size, 3, 3, batch=batch), device), channels, size, batch=batch)
        one, curve[batch] = _times([alone, more])
        curve[1] = min(curve[1], one)
        if curve[batch] > 2 * DEARER * curve[1]:
            break
    return curve


def _chain(channels: int, size: int, kernel: int, length: int, *, batch: int = 1) -> ir.Model:
    shape = f"float[{batch}, {channels}, {size}, {size}]"
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((channels, channels, kernel, kernel)) / np.sqrt(channels * kernel**2)
    lines = [
        f"y{i} = Conv <kernel_shape = [{kernel}, {kernel}], pads = [{', '.join(4 * [str(kernel // 2)])}]> (x{i}, w, b)"
        f" x{i + 1} = Relu(y{i})"
        for i in range(length)
    ]
    lines.append(f"out = Relu(y{length - 1})")
    constants = {"w": weights.astype(np.float32), "b": np.zeros(channels, np.float32)}
    return fragment(f"chain ({shape} x0) => ({shape} out)", "\n".join(lines), constants)


def _conversion(device: Device) -> float:
    """Return what it takes to turn one number into rows, or back, in nanoseconds."""
    channels, size = 64, 112
    shape, pixels = f"float[1, {channels}, {size}, {size}]", size * size
    model = fragment(
        f"there ({shape} x0) => ({shape} out)",
        """
        moved = Transpose <perm = [0, 2, 3, 1]> (x0)
        rows = Reshape(moved, flat)
        mixed = Gather <axis = 0> (rows, order)
        pixels = Reshape(mixed, full)
        out = Transpose <perm = [0, 3, 1, 2]> (pixels)
        """,
        {
            "flat": np.array([pixels, channels]),
            "full": np.array([1, size, size, channels]),
            "order": np.random.default_rng(0).permutation(pixels).astype(np.int32),
        },
    )
    (seconds,) = _times([_runner(Session(model, device), channels, size)])
    return 1e9 * seconds / 2 / (pixels * channels)


def _runner(session: Session, channels: int, size: int, *, batch: int = 1) -> Callable[[], object]:
    x = np.random.default_rng(1).standard_normal((batch, channels, size, size)).astype(np.float32)
    return lambda: session.run({"x0": x})


def _times(runs: list[Callable[[], object]]) -> list[float]:
    """Return the shortest time of each, in turn."""
    best = [float("inf")] * len(runs)
    for turn in range(-1, TURNS):
        for i, run in enumerate(runs):
            begun = time.perf_counter()
            run()
            if turn >= 0:
                best[i] = min(best[i], time.perf_counter() - begun)
    return best


def _try_layouts(device: Device) -> bool:
    sizes = {64: 112, 256: 28}
    runs = [
        _runner(Session(_chain(c, size, 3, 3), dataclasses.replace(device, channels_last=last)), c, size)
        for last in (False, True)
        for c, size in sizes.items()
    ]
    times = _times(runs)
    return sum(times[len(sizes) :]) < sum(times[: len(sizes)])


def _key(device: Device) -> str:
    """Return what the figures depend on, as a part of a file's name."""
    facts = [FORMAT, device.onnxruntime_version, device.threads, platform.machine(), _processor()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return model and abilities of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(("model name", "flags", "Features"))))


def _curve(kept: Any) -> dict[int, float]:
    curve = {int(size): float(seconds) for size, seconds in kept.items()}
    if 1 not in curve:
        raise ValueError("it holds no step of one picture")
    return curve


def _rates(kept: Any) -> Rates:
    fields: dict[str, Any] = {
        name: {int(c): float(rate) for c, rate in value.items()} if isinstance(value, dict) else float(value)
        for name, value in kept.items()
    }
    return Rates(**fields)
