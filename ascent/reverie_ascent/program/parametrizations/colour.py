"""The axes of colour: a matrix from the channels that are optimised to red, green and blue, and its fit to pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from reverie_proto.sizes import Size

from reverie_ascent.recipe.parametrization import ColourBasis

Float = npt.NDArray[np.float64]

#: Lucid's square root of the covariance of colours in ImageNet: rows are R, G, B.
LUCID = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
RGB = len(LUCID)

#: How waves become numbers from 0 to 1.
SQUASH: Mapping[str, str] = {
    "sigmoid": "picture = Sigmoid({})",
    "tanh": "bent = Tanh({}) raised = Add(bent, one) picture = Mul(raised, half)",
    "plain": "picture = Identity({})",
}
SQUASH_CONSTANTS = {"one": np.array(1, np.float32), "half": np.array(0.5, np.float32)}


@dataclass(frozen=True)
class End:
    """The last nodes of a decoder, from ``waves`` [B, C, H, W] to ``picture``, and their constants."""

    body: str
    constants: Mapping[str, npt.NDArray[np.generic]]


def matrix(colour: ColourBasis, channels: int) -> Float | None:
    """Return the matrix of a basis, its longest column of length 1 as in Lucid; None for the channels themselves.

    Pictures that do not have three channels have no colours to decorrelate.
    """
    if colour == "none" or channels != RGB:
        return None
    basis = LUCID if colour == "lucid" else np.array(colour, np.float64).reshape(RGB, RGB)
    whole: Float = basis / np.linalg.norm(basis, axis=0).max()
    return whole


def end(colour: ColourBasis, size: Size, batch: int, channels: int, squash: str = "sigmoid") -> End:
    """Return the change of colours and the way to 0..1."""
    basis = matrix(colour, channels)
    used = {} if squash != "tanh" else SQUASH_CONSTANTS
    if basis is None:
        return End(SQUASH[squash].format("waves"), used)
    height, width = size
    body = """
    points = Reshape(waves, flat)
    logits = MatMul(colour, points)
    square = Reshape(logits, full)
    """
    return End(
        body + SQUASH[squash].format("square"),
        {
            "colour": basis.astype(np.float32),
            "flat": np.array([batch, channels, height * width]),
            "full": np.array([batch, channels, height, width]),
            **used,
        },
    )


def fitted(pixels: npt.ArrayLike) -> tuple[float, ...]:
    """Return a basis fitted to pixels [count, 3] in 0..1: the square root of the covariance of their colours.

    Its columns are the covariance's eigenvectors times the square roots of its eigenvalues, the largest first
    (Karhunen and Loeve), as Lucid's; the sign of each makes the sum of its numbers positive.
    """
    values, vectors = np.linalg.eigh(np.cov(np.asarray(pixels, np.float64), rowvar=False))
    basis = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0))
    signs = np.where(basis.sum(axis=0) < 0, -1.0, 1.0)
    return tuple(float(number) for number in (basis * signs).ravel())
