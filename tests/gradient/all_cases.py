"""The table of gradients: one row or more for every rule, one file for each family in cases/."""

from __future__ import annotations

from tests.gradient.cases import (
    activation,
    convolution,
    elementwise,
    engine,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    reduction,
)

FAMILIES = [
    activation,
    convolution,
    elementwise,
    engine,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    reduction,
]

CASES = [case for family in FAMILIES for case in family.CASES]
