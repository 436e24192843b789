"""The rotations that all programs share: their memory is bounded, and programs of one size compute each once."""

from __future__ import annotations

import numpy as np
from reverie_ascent.program.transforms import rotation
from reverie_ascent.program.transforms.rotation import ROTATIONS, Rotations
from reverie_ascent.program.transforms.steps import Moment
from reverie_ascent.program.transforms.turn import TurnStage
from reverie_ascent.random import Draws
from reverie_ascent.recipe.transform import LUCID, OneOf, Rotate, Uniform

from tests.ascent.program.transforms.looking import Look

FIELD, CANVAS = (20, 21), (25, 26)
SIZE_BYTES = rotation.rotation(3, FIELD, CANVAS, bilinear=False).nbytes


def test_a_rotation_is_computed_once_and_the_last_ones_used_stay() -> None:
    kept = Rotations(3 * SIZE_BYTES)
    first = kept.turn(1, FIELD, CANVAS, bilinear=False)
    for angle in (2, 3):
        kept.turn(angle, FIELD, CANVAS, bilinear=False)
    assert kept.turn(1, FIELD, CANVAS, bilinear=False) is first
    kept.turn(4, FIELD, CANVAS, bilinear=False)
    assert kept.turn(1, FIELD, CANVAS, bilinear=False) is first
    again = kept.turn(2, FIELD, CANVAS, bilinear=False)
    assert not any(again is each for each in (first, kept.turn(3, FIELD, CANVAS, bilinear=False)))
    np.testing.assert_array_equal(again.there, rotation.rotation(2, FIELD, CANVAS, bilinear=False).there)


def test_one_that_is_larger_than_the_room_is_kept_alone() -> None:
    kept = Rotations(1)
    first = kept.turn(1, FIELD, CANVAS, bilinear=True)
    assert kept.turn(1, FIELD, CANVAS, bilinear=True) is first
    assert kept.turn(1, FIELD, CANVAS, bilinear=False) is not first


def test_programs_of_one_size_share_them_but_angles_of_a_range_are_not_kept() -> None:
    size = (31, 37)
    for degrees, shared in ((OneOf((5.0,)), True), (Uniform(5.0, 5.0), False)):
        made: list[object] = []
        for _ in range(2):
            look = Look((Rotate(degrees), *LUCID[4:]), size)
            (stage,) = (stage for stage in look.stages if isinstance(stage, TurnStage))
            arrays = {name: np.zeros(shape[1:], kind) for name, (shape, kind) in stage.shapes(1, 3).items()}
            before = len(ROTATIONS._turns)
            stage.draw(arrays, size, Draws(0, 1), Moment(1, 1, size))
            made.append(len(ROTATIONS._turns) - before)
        assert made[1] == 0
        assert made[0] == int(shared)
