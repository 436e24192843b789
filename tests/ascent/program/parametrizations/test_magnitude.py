"""Magnitudes and colours that are measured in a user's pictures."""

from __future__ import annotations

import numpy as np
import pytest
from reverie_ascent.program.parametrizations.colour import fitted, matrix
from reverie_ascent.program.parametrizations.magnitude import magnitude, measured, power_law
from reverie_ascent.recipe.parametrization import Measured, PowerLaw

from tests.ascent.program.parametrizations.twins import COLOUR, a_measured_magnitude, frequencies, resized_magnitude


def test_a_measured_magnitude_is_the_mean_over_the_pictures_in_decorrelated_colours() -> None:
    pictures = np.random.default_rng(0).uniform(0, 1, (4, 3, 10, 7))
    waves = [np.linalg.solve(COLOUR, picture.reshape(3, -1)).reshape(picture.shape) for picture in pictures]
    expected = np.mean([np.abs(np.fft.rfft2(each)) for each in waves], axis=0)
    found = measured(pictures)
    assert (found.height, found.width) == (10, 7)
    np.testing.assert_allclose(np.reshape(found.numbers, expected.shape), expected, rtol=1e-5)
    plain = np.mean([np.abs(np.fft.rfft2(each)) for each in pictures], axis=0)
    np.testing.assert_allclose(np.reshape(measured(pictures, "none").numbers, plain.shape), plain)


@pytest.mark.parametrize("size", [(9, 12), (18, 24), (7, 5), (32, 33), (1, 1)], ids=str)
def test_a_magnitude_is_resized_between_neighbouring_frequencies(size: tuple[int, int]) -> None:
    given = a_measured_magnitude(9, 12)
    found = magnitude(given, size, 3)
    assert found.shape == (3, size[0], size[1] // 2 + 1)
    np.testing.assert_allclose(found, resized_magnitude(given, size), rtol=1e-9)


def test_the_power_law_of_a_law_is_itself() -> None:
    slopes, scales, size = (1.5, 2.0, 2.4), (3.0, 0.5, 0.01), (64, 80)
    law = np.stack([k / frequencies(size) ** slope for k, slope in zip(scales, slopes, strict=True)])
    found = power_law(Measured.of(*size, law), 3)
    assert found.slopes == pytest.approx(slopes, rel=1e-6)
    assert found.scales == pytest.approx(scales, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (PowerLaw((1.0, 2.0), (1.0, 1.0, 1.0)), "2 slopes and 3 scales for 3 channels"),
        (PowerLaw((1.0,), (1.0,)), "1 slopes and 1 scales for 3 channels"),
        (Measured.of(4, 6, (1.0,) * 5), "a magnitude of 4 by 6 has 3 x 4 x 4 numbers, not 5"),
    ],
    ids=str,
)
def test_a_magnitude_of_another_number_of_channels_is_refused(values: PowerLaw | Measured, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        magnitude(values, (8, 8), 3)


def test_a_fitted_basis_is_a_square_root_of_the_covariance_of_colours() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.standard_normal((500, 3)) @ np.array([[0.3, 0.2, 0.1], [0.0, 0.1, -0.1], [0.02, 0.0, 0.03]])
    basis = np.reshape(fitted(pixels), (3, 3))
    np.testing.assert_allclose(basis @ basis.T, np.cov(pixels, rowvar=False), rtol=1e-9)
    lengths = np.linalg.norm(basis, axis=0)
    assert (np.diff(lengths) < 0).all()
    assert (basis.sum(axis=0) >= 0).all()
    whole = matrix(fitted(pixels), 3)
    assert whole is not None
    np.testing.assert_allclose(whole, basis / lengths[0])


def test_pictures_of_one_colour_have_a_finite_basis() -> None:
    assert np.isfinite(fitted(np.tile(np.linspace(0, 1, 50)[:, None], 3))).all()
