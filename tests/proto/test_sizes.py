"""Sizes in words, as `reverie layers` and `reverie check` show them."""

from __future__ import annotations

import pytest
from reverie_proto.sizes import Size, accepted, described, from_message, to_message

# The smallest size that a layer takes, its multiples, its only size, and the words.
ACCEPTED = [
    ((1, 1), (1, 1), (0, 0), "from 1 x 1"),
    ((3, 5), (1, 1), (0, 0), "from 3 x 5"),
    ((32, 32), (32, 32), (0, 0), "both sides from 32 by 32"),
    ((32, 1), (32, 1), (0, 0), "height from 32 by 32, width from 1"),
    ((32, 128), (32, 128), (32, 128), "only 32 x 128"),
    ((32, 4), (32, 4), (32, 0), "height only 32, width from 4 by 4"),
    ((1, 64), (1, 64), (0, 64), "height from 1, width only 64"),
]


@pytest.mark.parametrize(("least", "multiple", "fixed", "words"), ACCEPTED)
def test_the_sizes_that_a_layer_takes_are_said_in_words(least: Size, multiple: Size, fixed: Size, words: str) -> None:
    assert accepted(least, multiple, fixed) == words


def test_a_size_is_height_before_width() -> None:
    assert described((32, 128)) == "32 x 128"
    assert to_message((32, 128)).height_px == 32
    assert from_message(to_message((32, 128))) == (32, 128)
