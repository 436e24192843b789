"""The shape of a layer's activation in a program, and the parts that all forms of scores share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

#: Added under square roots, because the length of a zero vector has no derivative.
TINY = 1e-12


@dataclass(frozen=True)
class Activation:
    """The shape of a layer's activation: [R, C, h, w], or [R, C] without positions; ``batch`` is R.

    The rows are ``views`` of each picture of a ``group``, for each of several renders.
    """

    batch: int
    channels: int
    height: int = 1
    width: int = 1
    spatial: bool = True
    group: int = 1
    views: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape as a tuple."""
        return (self.batch, self.channels, self.height, self.width) if self.spatial else (self.batch, self.channels)

    @property
    def positions(self) -> int:
        """The number of positions."""
        return self.height * self.width

    @property
    def renders(self) -> int:
        """The number of renders."""
        return self.batch // (self.group * self.views)

    @property
    def text(self) -> str:
        """The type in the text format of ONNX."""
        return f"float[{', '.join(map(str, self.shape))}]"

    @property
    def flat(self) -> npt.NDArray[np.int64]:
        """The shape [R, C, h w]."""
        return np.array([self.batch, self.channels, self.positions])


@dataclass(frozen=True)
class Score:
    """How a form computes its score: the text of nodes from ``activation`` and ``inputs`` to ``plain``, [R] or [N].

    ``inputs`` are types in the text format of ONNX by name. The score of a form ``of_group`` is one number for each
    render, otherwise one for each row.
    """

    body: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    of_group: bool = False


def number(value: float) -> npt.NDArray[np.generic]:
    """Return a constant."""
    return np.array(value, np.float32)
