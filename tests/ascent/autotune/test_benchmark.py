"""Measurements are plausible, and the choice that follows from them is the expected one."""

from __future__ import annotations

import pytest
from reverie_ascent.autotune import benchmark
from reverie_ascent.runtime.session import choose_device

# Seconds of a step by the size of its batch, and the batch size that is chosen.
CURVES = [
    ({1: 1.0}, 1),
    ({1: 1.0, 2: 1.9}, 1),
    ({1: 1.0, 2: 1.2, 4: 1.3, 8: 2.6}, 2),
    ({1: 1.0, 2: 1.0, 4: 1.1, 8: 1.25, 16: 2.0}, 8),
    ({1: 1.0, 2: 1.3, 4: 1.2, 8: 4.0}, 4),
]


@pytest.mark.parametrize(("curve", "batch"), CURVES)
def test_the_batch_grows_while_it_costs_hardly_more(curve: dict[int, float], batch: int) -> None:
    assert benchmark.best_batch(curve) == batch


def test_a_real_curve_begins_with_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "REPEATS", 1)
    monkeypatch.setattr(benchmark, "BATCHES", (1, 2))
    curve = benchmark.batch_curve(choose_device("cpu", threads=1))
    assert list(curve) == [1, 2]
    assert all(seconds > 0 for seconds in curve.values())


def test_real_rates_are_plausible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SIZES", {16: 24, 32: 12})
    monkeypatch.setattr(benchmark, "REPEATS", 2)
    rates = benchmark.rates(choose_device("cpu", threads=1))
    for table in (rates.plain, rates.rows, rates.plain_pointwise, rates.rows_pointwise):
        assert set(table) == {16, 32}
        assert all(0 < rate < 1000 for rate in table.values())
    assert 0 < rates.conversion < 1000


def test_the_trial_of_layouts_runs_and_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "REPEATS", 1)
    assert benchmark.prefers_channels_last(choose_device("cpu", threads=1)) in (True, False)
