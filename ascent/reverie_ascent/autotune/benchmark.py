"""Measures the time of convolutions on this machine, plain and on rows, and how many pictures should share a step.

Only `tune` calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.graph.shapes import settle
from reverie_ascent.lowering.to_rows import rewrite
from reverie_ascent.plan import Rates
from reverie_ascent.runtime.session import Device, Session

SIZES: Mapping[int, int] = {16: 112, 32: 112, 64: 56, 128: 56, 256: 28}
"""The numbers of channels, and the side of the pictures for each: in networks one grows as the other shrinks."""

REPEATS = 5
"""Measured runs of each variant, after one that is not measured."""

BATCHES = (1, 2, 4, 8, 16, 32)
"""The sizes of batches that are tried, until one is too slow."""

MAX_RELATIVE_COST = 1.25
"""The longest step of a batch, relative to a step of one picture: a render pays it even if it is alone in its batch."""


def best_batch(curve: Mapping[int, float]) -> int:
    """Return the largest batch whose step takes at most `MAX_RELATIVE_COST` times that of one picture.

    ``curve`` maps the size of a batch to the seconds of a step.
    """
    return max(size for size, seconds in curve.items() if seconds <= MAX_RELATIVE_COST * curve[1])


def rates(device: Device) -> Rates:
    """Measure the rates of a CPU, in about two seconds."""
    plain, rows, plain_1, rows_1 = {}, {}, {}, {}
    for channels, size in SIZES.items():
        plain[channels], rows[channels] = _convolutions(device, channels, size, kernel=3)
        plain_1[channels], rows_1[channels] = _convolutions(device, channels, size, kernel=1)
    return Rates(plain, rows, plain_1, rows_1, _conversion(device))


def _convolutions(device: Device, channels: int, size: int, *, kernel: int) -> tuple[float, float]:
    """Return the time of a multiply-add, plain and on rows, in nanoseconds.

    The time of a chain of one convolution is subtracted from that of a chain of three, so that the cost of the ends of
    a chain cancels out.
    """
    runs = []
    for length in (3, 1):
        for lowered in (False, True):
            model = _chain(channels, size, kernel, length)
            settle(model)
            if lowered:
                rewrite(model, list(model.graph))
            runs.append(_runner(Session(model, device), channels, size))
    long, long_rows, short, short_rows = _times(runs)
    products = 2 * channels**2 * size**2 * kernel**2
    least = 1e-3 * products  # noise can make a difference negative, and such a rate would lower every node or none
    return max(1e9 * (long - short), least * 1e-3) / products, max(
        1e9 * (long_rows - short_rows), least * 1e-3
    ) / products


def batch_curve(device: Device) -> dict[int, float]:
    """Return the seconds of a step for each size of batch until one is too slow, alternating with one picture."""
    channels, size = 128, 56
    curve: dict[int, float] = {}
    alone = _runner(Session(_chain(channels, size, 3, 3), device), channels, size)
    for batch in BATCHES:
        more = _runner(Session(_chain(channels, size, 3, 3, batch=batch), device), channels, size, batch=batch)
        one, curve[batch] = _times([alone, more])
        curve[1] = min(curve[1], one)
        if curve[batch] > 2 * MAX_RELATIVE_COST * curve[1]:
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
    """Return the time to convert one number to rows or back, in nanoseconds."""
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
    """Return the shortest time of each run; the runs alternate."""
    best = [float("inf")] * len(runs)
    for turn in range(-1, REPEATS):
        for i, run in enumerate(runs):
            begun = time.perf_counter()
            run()
            if turn >= 0:
                best[i] = min(best[i], time.perf_counter() - begun)
    return best


def prefers_channels_last(device: Device) -> bool:
    """Return whether a GPU's convolutions are faster on [N, H, W, C]."""
    assert device.plan is not None
    forms = [replace(device, plan=replace(device.plan, channels_last=last)) for last in (False, True)]
    sizes = {64: 112, 256: 28}
    runs = [_runner(Session(_chain(c, size, 3, 3), form), c, size) for form in forms for c, size in sizes.items()]
    times = _times(runs)
    return sum(times[len(sizes) :]) < sum(times[: len(sizes)])
