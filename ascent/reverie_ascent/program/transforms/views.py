"""The inputs of a program's transforms: arrays that apply each view's draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from reverie_proto.sizes import Size

from reverie_ascent.program.transforms.stage import Array, Stage
from reverie_ascent.program.transforms.steps import Moment
from reverie_ascent.random import Draws


class Views:
    """The arrays of all stages. They are written in place, because they are large."""

    def __init__(self, stages: Sequence[Stage], rows: int, channels: int, size: Size, seen: Size) -> None:
        """``rows`` is the number of views of all renders; ``size`` the picture's, ``seen`` what the network sees."""
        self._stages, self._size, self._seen = stages, size, seen
        self._arrays: list[dict[str, Array]] = [
            {name: np.zeros(shape, kind) for name, (shape, kind) in stage.shapes(rows, channels).items()}
            for stage in stages
        ]

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The arrays by the names of the program's inputs, such as "view0.rows"."""
        return {f"view{i}.{name}": array for i, stage in enumerate(self._arrays) for name, array in stage.items()}

    def draw(self, row: int, draws: Draws, step: int, steps: int) -> None:
        """Apply a draw to a view, at step 1, 2, ... of all steps."""
        size, moment = self._size, Moment(step, steps, self._seen)
        for stage, arrays in zip(self._stages, self._arrays, strict=True):
            size = stage.draw({name: array[row] for name, array in arrays.items()}, size, draws, moment)

    def set_identity(self, row: int) -> None:
        """Let a view be its whole picture without transforms, resized if the network sees another size.

        The gradient is then not defined.
        """
        size = self._size
        for stage, arrays in zip(self._stages, self._arrays, strict=True):
            size = stage.set_identity({name: array[row] for name, array in arrays.items()}, size, self._seen)
