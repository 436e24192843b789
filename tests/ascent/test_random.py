"""Random draws are a pure function of seed and step, distributed as in Lucid, and never change."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from reverie_ascent.program.parametrizations import initial_state
from reverie_ascent.random import Draws
from reverie_ascent.recipe.parametrization import Fourier, Pixel

from tests.ascent.exact import Array
from tests.ascent.lucid import Draw

MANY = 3000
SIZE, SHAPE = (32, 32), (3, 64, 17)

# A seed identifies a picture, so these numbers must never change.
PINNED = {
    (0, 1): Draw(jitter=(0, 8), scale=3, angle=-10, last_jitter=(2, 0)),
    (17, 512): Draw(jitter=(6, 1), scale=6, angle=4, last_jitter=(2, 3)),
    (2**32 - 1, 3): Draw(jitter=(3, 5), scale=7, angle=-7, last_jitter=(2, 4)),
}
FIRST = {
    0: [0.000140830525, -0.00206886884, -0.00381186372, 0.0039535719],
    17: [-0.000781851879, 0.00697984314, 0.00467668194, 0.00397479581],
    2**32 - 1: [-0.0107706906, 0.005058649, 0.0103257671, -0.00892313104],
}


def draw(seed: int, step: int) -> Draw:
    """Return Lucid's transforms at a step."""
    return Draw.of(Draws(seed, step))


def first(seed: int, size: tuple[int, int] = SIZE) -> Array:
    """Return Lucid's first spectrum."""
    return initial_state(Fourier(), Draws(seed, 0), size)


def test_jitters_scales_and_angles_take_exactly_their_values() -> None:
    drawn = [draw(7, step) for step in range(1, MANY + 1)]
    assert {d.jitter for d in drawn} == {(y, x) for y in range(9) for x in range(9)}
    assert {d.scale for d in drawn} == set(range(11))
    assert {d.angle for d in drawn} == set(range(-10, 11))
    assert {d.last_jitter for d in drawn} == {(y, x) for y in range(5) for x in range(5)}


def test_no_rotation_is_drawn_six_times_as_often_as_any_angle() -> None:
    angles = Counter(draw(7, step).angle for step in range(1, MANY + 1))
    assert angles[0] == pytest.approx(MANY * 6 / 26, rel=0.1)
    assert sum(angles[a] for a in range(-10, 0)) == pytest.approx(MANY * 10 / 26, rel=0.1)


@pytest.mark.parametrize("what", ["seed", "step"])
def test_draws_differ_between_seeds_and_between_steps(what: str) -> None:
    drawn = {draw(i, 1) if what == "seed" else draw(0, i) for i in range(1, 101)}
    assert len(drawn) == 100


@pytest.mark.parametrize(("seed", "step"), PINNED)
def test_the_draws_of_a_seed_at_a_step_never_change(seed: int, step: int) -> None:
    assert draw(seed, step) == PINNED[seed, step]
    assert draw(seed, step) == draw(seed, step)


@pytest.mark.parametrize("seed", FIRST)
def test_the_first_numbers_of_a_seed_never_change(seed: int) -> None:
    np.testing.assert_allclose(first(seed, (8, 8)).reshape(-1)[:4], FIRST[seed], rtol=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_first_state_is_normal_noise_with_a_deviation_of_a_hundredth(seed: int) -> None:
    state = first(seed)
    assert state.shape == SHAPE
    assert state.dtype == np.float32
    assert state.std() == pytest.approx(0.01, rel=0.05)
    assert state.mean() == pytest.approx(0, abs=5e-4)
    assert (np.abs(state) < 0.01).mean() == pytest.approx(0.6827, abs=0.02)
    assert 0.03 < np.abs(state).max() < 0.06


def test_a_seed_has_one_first_state_and_another_seed_another() -> None:
    np.testing.assert_array_equal(first(3), first(3))
    correlation = np.corrcoef(first(3).reshape(-1), first(4).reshape(-1))[0, 1]
    assert abs(correlation) < 0.05


def test_a_first_state_of_an_odd_count_of_numbers_is_complete() -> None:
    assert np.count_nonzero(initial_state(Pixel(), Draws(0, 0), (9, 9))) == 243


# ----- sequences of draws -----


def test_draws_of_every_seed_step_view_and_picture_differ() -> None:
    places = [
        (seed, step, view, picture)
        for seed in (0, 5)
        for step in (0, 1, 9)
        for view in range(4)
        for picture in range(3)
    ]
    drawn = {tuple(Draws(s, t, view=v, picture=p).uniforms(3).tolist()) for s, t, v, p in places}
    assert len(drawn) == len(places)


def test_the_first_view_and_picture_have_the_draws_of_a_single_one() -> None:
    np.testing.assert_array_equal(Draws(3, 4, view=0, picture=0).uniforms(9), Draws(3, 4).uniforms(9))


def test_the_largest_seed_step_view_and_picture_can_be_drawn() -> None:
    most = 2**32 - 1
    assert 0 <= Draws(most, most, view=most, picture=most).uniform(0, 1) < 1


def test_a_sequence_goes_on_where_it_was() -> None:
    draws = Draws(1, 1)
    parts = [*draws.uniforms(3), draws.uniform(0, 1), *draws.uniforms(2)]
    np.testing.assert_array_equal(parts, Draws(1, 1).uniforms(6))


def test_uniform_numbers_fill_their_range_evenly() -> None:
    numbers = np.array([Draws(2, step).uniform(-3, 5) for step in range(MANY)])
    assert -3 <= numbers.min() < -2.9
    assert 4.9 < numbers.max() <= 5
    assert numbers.mean() == pytest.approx(1, abs=0.15)
    shares = Draws(0, 0).uniforms(100_000)
    assert np.histogram(shares, 10, (0, 1))[0] == pytest.approx([10_000] * 10, rel=0.05)


def test_normal_numbers_are_normal() -> None:
    numbers = Draws(0, 0).normals(100_001)
    assert len(numbers) == 100_001
    assert numbers.mean() == pytest.approx(0, abs=0.02)
    assert numbers.std() == pytest.approx(1, rel=0.01)
    assert (np.abs(numbers) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert np.isfinite([Draws(0, step).normal() for step in range(MANY)]).all()


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_whole_numbers_are_each_drawn_equally_often(count: int) -> None:
    draws = Draws(9, 9)
    drawn = Counter(draws.integer(count) for _ in range(20 * count))
    assert drawn.keys() <= set(range(count))
    assert len(drawn) == count
