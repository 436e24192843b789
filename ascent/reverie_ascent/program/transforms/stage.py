"""The stages of a list of transforms: fragments of the step program, and the arrays of their draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.program.transforms.axis import Sizes
from reverie_ascent.program.transforms.steps import Moment
from reverie_ascent.random import Draws

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Canvas:
    """What a stage gets or leaves: pictures of several sizes that lie in a canvas of a fixed size, zeros around them.

    ``rows`` and ``columns`` are the sizes that the picture may have. It begins at row and column 0, or, if
    ``centred``, in the middle of its field (see `Sizes.field`).
    """

    size: Size
    rows: Sizes
    columns: Sizes
    centred: bool = False

    def begin(self, seen: Size) -> Size:
        """Return the first row and column of a picture of a size."""
        return (self.rows.inset(seen[0]), self.columns.inset(seen[1])) if self.centred else (0, 0)


class Stage(Protocol):
    """A part of a list of transforms that is one fragment of the program."""

    @property
    def out(self) -> Canvas:
        """What it leaves."""

    def graph(self, batch: int, channels: int) -> ir.Model:
        """Return the fragment picture and draws -> view, and view_gradient -> picture_gradient."""

    def shapes(self, batch: int, channels: int) -> Mapping[str, tuple[tuple[int, ...], type[np.generic]]]:
        """Return shape and type of the inputs that hold draws."""

    def draw(self, arrays: Mapping[str, Array], size: Size, draws: Draws, moment: Moment) -> Size:
        """Fill one row of the inputs by a draw for a picture of a size; return the size after it."""

    def set_identity(self, arrays: Mapping[str, Array], size: Size, to: Size) -> Size:
        """Fill one row so that the picture stays as it is; a stage that can resizes it ``to`` what the network sees."""
