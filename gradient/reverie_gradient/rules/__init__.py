"""The rules, one file per family of operators. Importing this package fills ``reverie_gradient.table.RULES``."""

from reverie_gradient.rules import (
    activation,
    convolution,
    elementwise,
    indexing,
    joining,
    layout,
    matrix,
    normalisation,
    pooling,
    quantised,
    reduction,
)

__all__ = [
    "activation",
    "convolution",
    "elementwise",
    "indexing",
    "joining",
    "layout",
    "matrix",
    "normalisation",
    "pooling",
    "quantised",
    "reduction",
]
