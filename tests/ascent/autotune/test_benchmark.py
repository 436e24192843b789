"""The measured rates: sane, kept, the same for all processes of a machine, and measured anew where they are damaged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from reverie_ascent.autotune import benchmark as calibrate
from reverie_ascent.lowering.cost_model import Rates
from reverie_ascent.runtime.session import choose_device

RATES = Rates({16: 1.0}, {16: 2.0}, {16: 3.0}, {16: 4.0}, 0.5)
OTHER = dataclasses.replace(RATES, conversion=9.0)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Replace the measuring by RATES, and count how often it happens."""
    times: list[int] = []

    def count(device: object) -> Rates:
        times.append(1)
        return RATES

    monkeypatch.setattr(calibrate, "measure", count)
    yield times
    calibrate.rates.cache_clear()


def test_a_machine_is_measured_once(cache: Path, measured: list[int]) -> None:
    device = choose_device("cpu", threads=1)
    for _ in range(3):
        assert calibrate.rates(device) == RATES
        calibrate.rates.cache_clear()  # as a new process would be
    assert len(measured) == 1
    assert len(list(cache.glob("rates-*.json"))) == 1
    assert len(list(cache.iterdir())) == 1  # nothing half written is left


def test_what_another_process_kept_first_counts(
    cache: Path, monkeypatch: pytest.MonkeyPatch, measured: list[int]
) -> None:
    device = choose_device("cpu", threads=1)

    def slower(device: object) -> Rates:
        cache.mkdir()
        (cache / f"rates-{calibrate._key(choose_device('cpu', threads=1))}.json").write_text(
            json.dumps(dataclasses.asdict(OTHER))
        )
        return RATES

    monkeypatch.setattr(calibrate, "measure", slower)
    assert calibrate.rates(device) == OTHER


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"plain": 1}', '{"plain": {"x": 1}}'])
def test_a_damaged_file_is_measured_anew(cache: Path, measured: list[int], text: str) -> None:
    device = choose_device("cpu", threads=1)
    calibrate.rates(device)
    (file,) = cache.iterdir()
    file.write_text(text)
    calibrate.rates.cache_clear()
    assert calibrate.rates(device) == RATES
    assert len(measured) == 2
    assert json.loads(file.read_text())["conversion"] == RATES.conversion


def test_a_cache_that_cannot_be_written_costs_only_the_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[int]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    calibrate.rates.cache_clear()
    assert calibrate.rates(choose_device("cpu", threads=1)) == RATES


# Seconds of a step by the number of pictures in it, and how many share one.
CURVES = [
    ({1: 1.0}, 1),
    ({1: 1.0, 2: 1.9}, 1),
    ({1: 1.0, 2: 1.2, 4: 1.3, 8: 2.6}, 2),
    ({1: 1.0, 2: 1.0, 4: 1.1, 8: 1.25, 16: 2.0}, 8),
    ({1: 1.0, 2: 1.3, 4: 1.2, 8: 4.0}, 4),
]


@pytest.mark.parametrize(("curve", "batch"), CURVES)
def test_as_many_share_a_step_as_it_costs_hardly_more_for(curve: dict[int, float], batch: int) -> None:
    assert calibrate.best_batch(curve) == batch


@pytest.mark.parametrize("damage", ["", "[]", '{"2": 1.0}', '{"1": "x"}'])
def test_the_size_of_a_batch_is_measured_once_and_anew_where_it_is_damaged(
    cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    curves = iter([{1: 1.0, 2: 1.1, 4: 3.0}, {1: 1.0, 2: 3.0}])
    monkeypatch.setattr(calibrate, "_batch_curve", lambda device: next(curves))
    device = choose_device("cpu", threads=1)
    for _ in range(2):
        calibrate.preferred_batch.cache_clear()  # as a new process would be
        assert calibrate.preferred_batch(device) == 2
    (file,) = cache.glob("batch-*.json")
    file.write_text(damage)
    calibrate.preferred_batch.cache_clear()
    assert calibrate.preferred_batch(device) == 1
    calibrate.preferred_batch.cache_clear()


def test_a_real_curve_begins_with_one_picture_and_ends_where_more_is_too_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "TURNS", 1)
    monkeypatch.setattr(calibrate, "BATCHES", (1, 2))
    curve = calibrate._batch_curve(choose_device("cpu", threads=1))
    assert list(curve) == [1, 2]
    assert all(seconds > 0 for seconds in curve.values())


def test_real_rates_are_of_a_sane_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "SIZES", {16: 24, 32: 12})
    monkeypatch.setattr(calibrate, "TURNS", 2)
    rates = calibrate.measure(choose_device("cpu", threads=1))
    for table in (rates.plain, rates.rows, rates.plain_pointwise, rates.rows_pointwise):
        assert set(table) == {16, 32}
        assert all(0 < rate < 1000 for rate in table.values())
    assert 0 < rates.conversion < 1000
