"""The geometry of sliding windows, read from the attributes of a convolution or a pooling operator."""

from __future__ import annotations

from dataclasses import dataclass

from reverie_gradient.shapes import static_dims
from reverie_gradient.table import Call


@dataclass(frozen=True)
class Windows:
    """Window o along an axis covers the inputs o * stride - before + dilation * (0 .. kernel - 1).

    Every field has one entry per spatial axis; ``axes`` are their numbers in the tensor.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """Numbers of the spatial axes in [N, C, ...]."""
        return tuple(range(2, 2 + len(self.kernel)))

    @property
    def reach(self) -> tuple[int, ...]:
        """Distance between the first and the last input that a window covers."""
        return tuple(d * (k - 1) for k, d in zip(self.kernel, self.dilations, strict=True))


def windows(call: Call, kernel: tuple[int, ...]) -> Windows:
    """Read the windows of ``call``, resolving ``auto_pad``."""
    rank = len(kernel)
    ones = (1,) * rank
    strides = call.integers("strides") or ones
    dilations = call.integers("dilations") or ones
    pads = call.integers("pads") or (0,) * (2 * rank)
    mode = call.string("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(call, Windows(kernel, strides, dilations, ones, ones), lower=mode == "SAME_LOWER")
    elif mode == "VALID":
        pads = (0,) * (2 * rank)
    return Windows(kernel, strides, dilations, pads[:rank], pads[rank:])


def transposed_windows(call: Call, kernel: tuple[int, ...]) -> Windows:
    """Read the windows of a transposed convolution, which slide over its output.

    ``auto_pad`` and ``output_shape`` determine the size of the output and so the pads; a negative pad means that the
    output is larger than what the windows cover.
    """
    rank = len(kernel)
    ones, zeros = (1,) * rank, (0,) * rank
    strides = call.integers("strides") or ones
    dilations = call.integers("dilations") or ones
    extra = call.integers("output_padding") or zeros
    mode = call.string("auto_pad", "NOTSET")
    shape = call.integers("output_shape")
    pads = (0,) * (2 * rank) if mode == "VALID" else call.integers("pads") or (0,) * (2 * rank)
    win = Windows(kernel, strides, dilations, pads[:rank], pads[rank:])
    if shape is not None:
        size = static_dims(call.x, win.axes)
        if size is None:
            raise call.refuse("output_shape needs the sizes of its input; declare them or use pads")
        total = [
            s * (n - 1) + e + r + 1 - o
            for s, n, e, r, o in zip(strides, size, extra, win.reach, shape[-rank:], strict=True)
        ]
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [max(e + r + 1 - s, 0) for s, e, r in zip(strides, extra, win.reach, strict=True)]
    else:
        return win
    small = tuple(t // 2 for t in total)
    large = tuple(t - t // 2 for t in total)
    before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
    return Windows(kernel, strides, dilations, before, after)


def _same(call: Call, w: Windows, *, lower: bool) -> tuple[int, ...]:
    """Pad so that the output has ceil(input / stride) windows; the odd element goes to the end unless ``lower``."""
    before, after = [], []
    for axis, reach, stride in zip(w.axes, w.reach, w.strides, strict=True):
        if stride == 1:
            total = reach  # whatever the size
        else:
            size = static_dims(call.x, [axis])
            if size is None:
                raise call.refuse(
                    f"auto_pad with stride {stride} needs the size of axis {axis}; declare it or use pads"
                )
            total = max((-(-size[0] // stride) - 1) * stride + reach + 1 - size[0], 0)
        small, large = total // 2, total - total // 2
        before.append(large if lower else small)
        after.append(small if lower else large)
    return (*before, *after)
