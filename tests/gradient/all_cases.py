"""The table of gradients: one row or more for every rule, one file for each family in cases/."""

from __future__ import annotations

from tests.gradient.cases import (
    activation,
    attention,
    convolution,
    cumulative,
    einsum,
    elementwise,
    engine,
    functions,
    grid,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    rearranging,
    reduction,
    resizing,
    sampling,
    selecting,
    spectral,
)

FAMILIES = [
    activation,
    attention,
    convolution,
    cumulative,
    einsum,
    elementwise,
    engine,
    functions,
    grid,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    rearranging,
    reduction,
    resizing,
    sampling,
    selecting,
    spectral,
]

CASES = [case for family in FAMILIES for case in family.CASES]
