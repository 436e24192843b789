"""Regions: the positions of a layer that count for an objective."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reverie.values import Region


def box(top: float, left: float, bottom: float, right: float) -> Region:
    """Return a rectangle in shares of the height and the width, from 0 to 1."""
    return Region.of("box", top=top, left=left, bottom=bottom, right=right)


def mask(weights: ArrayLike) -> Region:
    """Return weights [height, width] of any resolution; a position takes that of the cell in which its centre lies."""
    array: Any = np.atleast_2d(np.asarray(weights, np.float64))
    height, width = array.shape[:2]
    return Region.of("mask", height=height, width=width, weights=tuple(map(float, array.ravel())))
