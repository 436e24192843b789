"""Forced races of callers with renders that start, end and are stored.

They run with forty seeds, or as many as the environment variable REVERIE_RACES says.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.server.dispatch.races import RACES

SEEDS = range(int(os.environ.get("REVERIE_RACES", "40")))


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_no_result_is_lost_or_rendered_twice_in_any_order(race: Callable[[int], list[str]]) -> None:
    assert [broken for seed in SEEDS for broken in race(seed)] == []
