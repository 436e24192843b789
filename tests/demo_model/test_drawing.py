"""The drawn images: every class, any size, and equal images for equal seeds."""

from __future__ import annotations

import numpy as np
import pytest

from demo_model.draw import draw, labelled
from demo_model.fractals import SYSTEMS
from demo_model.motifs import LABELS
from demo_model.pool import HELD_OUT, IMAGES, TRAINING, labels, series

SIZE = 48

CLASSES = pytest.mark.parametrize("label", range(len(LABELS)), ids=LABELS)


@CLASSES
def test_a_class_draws_finite_pictures_in_range(label: int) -> None:
    for seed in range(3):
        image = draw(label, seed=seed, size=SIZE)
        assert image.shape == (SIZE, SIZE, 3)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1


@CLASSES
def test_a_class_is_the_same_from_the_same_seed_and_differs_from_another(label: int) -> None:
    first, again, other = (draw(label, seed=seed, size=SIZE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.02


@CLASSES
def test_a_class_is_not_blank(label: int) -> None:
    spread = [draw(label, seed=seed, size=SIZE).std(axis=(0, 1)).max() for seed in range(4)]
    assert max(spread) > 0.05


def test_a_picture_drawn_larger_shows_the_same() -> None:
    for label in range(len(LABELS)):
        small, large = draw(label, seed=3, size=48), draw(label, seed=3, size=96)
        average = large.reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
        assert np.corrcoef(small.ravel(), average.ravel())[0, 1] > 0.85, LABELS[label]


def test_there_are_at_least_forty_classes_with_unique_names() -> None:
    assert len(set(LABELS)) == len(LABELS) >= 40


def test_every_fractal_has_a_class() -> None:
    assert set(SYSTEMS) <= set(LABELS)


def test_classes_alternate_in_a_series_and_a_part_of_it_is_the_same() -> None:
    count = len(LABELS) + 3
    assert [labelled(i) for i in range(count)] == labels(count).tolist()
    np.testing.assert_array_equal(series(7, 4, size=16, start=2), series(7, 6, size=16)[2:])


def test_held_out_images_are_never_drawn_for_training() -> None:
    assert TRAINING + IMAGES <= HELD_OUT
