"""The rules, one file per family of operators. Importing this package fills ``reverie_gradient.table.RULES``."""

from reverie_gradient.rules import (
    activation,
    convolution,
    cumulative,
    einsum,
    elementwise,
    grid,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    reduction,
    resizing,
    spectral,
)

__all__ = [
    "activation",
    "convolution",
    "cumulative",
    "einsum",
    "elementwise",
    "grid",
    "indexing",
    "joining",
    "layout",
    "matrix",
    "normalisation",
    "pooling",
    "quantised",
    "reduction",
    "resizing",
    "spectral",
]
