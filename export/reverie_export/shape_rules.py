"""The shapes of a node's outputs from those of its inputs, one rule per family of operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]


class DoesNotFit(Exception):
    """The operator cannot take inputs of these shapes."""


@dataclass(frozen=True)
class Step:
    """A node, with its attributes and constant inputs."""

    operator: str
    attributes: Mapping[str, Any]
    inputs: tuple[str, ...]  # "" for an omitted one
    constants: tuple[tuple[int, ...] | None, ...]  # per input: its integers when it is a small integer constant
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """The window of a convolution or pooling along one spatial axis."""

    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    ceil: bool = False

    @property
    def span(self) -> int:
        """How many positions of the input the window spans."""
        return (self.kernel - 1) * self.dilation + 1

    def __call__(self, size: int) -> int:
        """Return the number of output positions for ``size`` input positions; raises ``DoesNotFit`` for none."""
        room = size + self.before + self.after - self.span
        if size < 1 or room < 0:
            raise DoesNotFit
        if not self.ceil:
            return room // self.stride + 1
        positions = -(-room // self.stride) + 1
        # ONNX AveragePool and MaxPool: a window that would start in the padding after the input is left out.
        return positions - 1 if (positions - 1) * self.stride >= size + self.before else positions


Rule = Callable[[Step, Sequence[Shape]], Sequence[Shape]]
ELEMENTWISE = frozenset(
    """Abs Acos Acosh Add And Asin Asinh Atan Atanh Cast CastLike Ceil Celu Clip Cos Cosh Div Dropout Elu Equal Erf Exp
    Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean
    Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
    Sub Sum Tan Tanh ThresholdedRelu Where Xor""".split()  # noqa: SIM905
)
LIKE_FIRST = frozenset(
    """BatchNormalization CumSum GroupNormalization InstanceNormalization LayerNormalization LRN LogSoftmax
    LpNormalization MeanVarianceNormalization RMSNormalization ScatterElements ScatterND Softmax
    Trilu""".split()  # noqa: SIM905
)
REDUCE = frozenset(
    """ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare""".split()  # noqa: SIM905
)
GLOBAL = frozenset(("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"))
WINDOWED = frozenset(("AveragePool", "Conv", "LpPool", "MaxPool"))


def _positions(step: Step, shapes: Sequence[Shape]) -> int:
    """Return the number of spatial axes of a node with windows; raise DoesNotFit if its kernel has another."""
    rank = len(shapes[0]) - 2
    if rank < 1 or (step.operator in ("Conv", "ConvTranspose") and len(shapes[1]) != len(shapes[0])):
        raise DoesNotFit
    return rank


def windows(step: Step, shapes: Sequence[Shape]) -> list[Window]:
    """Return the windows of a Conv or pooling node, one per spatial axis."""
    get = step.attributes.get
    rank = _positions(step, shapes)
    kernel: Sequence[int] = shapes[1][2:] if step.operator == "Conv" else step.attributes["kernel_shape"]
    stride = get("strides") or [1] * rank
    dilation = get("dilations") or [1] * rank
    pads = get("pads") or [0] * (2 * rank)
    automatic = get("auto_pad", "NOTSET")
    found = []
    for i in range(rank):
        before, after = pads[i], pads[i + rank]
        if automatic in ("SAME_UPPER", "SAME_LOWER"):
            size, span = shapes[0][i + 2], (kernel[i] - 1) * dilation[i] + 1
            total = max(0, (-(-size // stride[i]) - 1) * stride[i] + span - size)
            before, after = total // 2, total - total // 2
            if automatic == "SAME_LOWER":
                before, after = after, before
        elif automatic == "VALID":
            before = after = 0
        found.append(Window(kernel[i], stride[i], dilation[i], before, after, bool(get("ceil_mode", 0))))
    return found


def _windowed(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    channels = shapes[1][0] if step.operator == "Conv" else x[1]
    if step.operator == "Conv" and x[1] != shapes[1][1] * step.attributes.get("group", 1):
        raise DoesNotFit
    out = (x[0], channels, *(w(n) for w, n in zip(windows(step, shapes), x[2:], strict=True)))
    return [out] * len(step.outputs)


def _conv_transpose(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    get = step.attributes.get
    rank = _positions(step, shapes)
    (n, _, *size), weight = shapes[0], shapes[1]
    if get("output_shape") or get("auto_pad", "NOTSET") != "NOTSET":
        raise DoesNotFit
    stride, dilation = get("strides") or [1] * rank, get("dilations") or [1] * rank
    pads, extra = get("pads") or [0] * (2 * rank), get("output_padding") or [0] * rank
    out = [
        stride[i] * (size[i] - 1) + extra[i] + (weight[i + 2] - 1) * dilation[i] + 1 - pads[i] - pads[i + rank]
        for i in range(rank)
    ]
    return [(n, weight[1] * get("group", 1), *out)]


def _broadcast(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    try:
        return [np.broadcast_shapes(*shapes)]
    except ValueError:
        raise DoesNotFit from None


def _like_first(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return [shapes[0]]


def _global(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return [shapes[0][:2] + (1,) * (len(shapes[0]) - 2)]


def _axes(step: Step, at: int, rank: int) -> list[int]:
    axes = step.constants[at] if len(step.constants) > at else None
    if axes is None:
        axes = step.attributes.get("axes")
    return list(range(rank)) if axes is None else [a % rank for a in axes]


def _reduce(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    axes = _axes(step, 1, len(x))
    if step.attributes.get("keepdims", 1):
        return [tuple(1 if i in axes else n for i, n in enumerate(x))]
    return [tuple(n for i, n in enumerate(x) if i not in axes)]


def _reshape(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x, wanted = shapes[0], step.constants[1]
    if wanted is None:
        raise DoesNotFit
    literal = step.attributes.get("allowzero", 0)
    out = [x[i] if n == 0 and not literal else n for i, n in enumerate(wanted)]
    volume = math.prod(x)
    if -1 in out:
        rest = math.prod(n for n in out if n != -1)
        if rest == 0 or volume % rest:
            raise DoesNotFit
        out[out.index(-1)] = volume // rest
    if math.prod(out) != volume:
        raise DoesNotFit
    return [tuple(out)]


def _flatten(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    axis = step.attributes.get("axis", 1) % (len(x) + 1)
    return [(math.prod(x[:axis]), math.prod(x[axis:]))]


def _transpose(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    return [tuple(x[i] for i in step.attributes.get("perm") or range(len(x))[::-1])]


def _squeeze(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    given = len(step.constants) > 1 and step.constants[1] is not None
    axes = _axes(step, 1, len(x)) if given else [i for i, n in enumerate(x) if n == 1]
    if any(x[axis] != 1 for axis in axes):
        raise DoesNotFit
    return [tuple(n for i, n in enumerate(x) if i not in axes)]


def _unsqueeze(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    axes = step.constants[1] or ()
    out = list(shapes[0])
    for axis in sorted(a % (len(out) + len(axes)) for a in axes):
        out.insert(axis, 1)
    return [tuple(out)]


def _concat(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    axis = step.attributes["axis"] % len(shapes[0])
    if len({s[:axis] + s[axis + 1 :] for s in shapes}) > 1:
        raise DoesNotFit
    return [(*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])]


def _split(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = shapes[0]
    axis = step.attributes.get("axis", 0) % len(x)
    parts: Sequence[int] | None = step.constants[1] if len(step.constants) > 1 else None
    if parts is None:
        count = len(step.outputs)
        size = -(-x[axis] // count)
        parts = [size] * (count - 1) + [x[axis] - size * (count - 1)]
    if sum(parts) != x[axis]:
        raise DoesNotFit
    return [(*x[:axis], n, *x[axis + 1 :]) for n in parts]


def _slice(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = list(shapes[0])
    constants = [*step.constants, None, None][:5]
    starts, ends = constants[1], constants[2]
    if starts is None or ends is None:
        raise DoesNotFit
    axes = constants[3] or range(len(starts))
    steps = constants[4] or [1] * len(starts)
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        x[axis % len(shapes[0])] = len(range(shapes[0][axis % len(shapes[0])])[slice(start, _open(end), stride)])
    return [tuple(x)]


def _open(end: int) -> int | None:
    """Return the end as Python's slices have it: None for ONNX's "down to the first element"."""
    return None if end <= -(2**31) else end


def _pad(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x = list(shapes[0])
    pads = step.constants[1]
    if pads is None:
        raise DoesNotFit
    axes = _axes(step, 3, len(x))
    for i, axis in enumerate(axes):
        x[axis] += pads[i] + pads[i + len(axes)]
    return [tuple(x)]


def _resize(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    scales = step.attributes.get("scales")
    if scales is None:  # a fixed size would not depend on the picture's
        raise DoesNotFit
    return [tuple(math.floor(n * s) for n, s in zip(shapes[0], scales, strict=True))]


def _expand(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    if step.constants[1] is None:
        raise DoesNotFit
    return _broadcast(step, [shapes[0], step.constants[1]])


def _tile(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    repeats = step.constants[1]
    if repeats is None:
        raise DoesNotFit
    return [tuple(n * times for n, times in zip(shapes[0], repeats, strict=True))]


def _gather(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x, indices = shapes
    axis = step.attributes.get("axis", 0) % len(x)
    known = step.constants[1]
    if known is not None and any(not -x[axis] <= n < x[axis] for n in known):
        raise DoesNotFit
    return [(*x[:axis], *indices, *x[axis + 1 :])]


def _gather_elements(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return [shapes[1]]


def _grid_sample(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x, grid = shapes
    return [(*x[:2], *grid[1:-1])]


def _depth_to_space(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    (n, channels, height, width), block = shapes[0], step.attributes["blocksize"]
    if channels % block**2:
        raise DoesNotFit
    return [(n, channels // block**2, height * block, width * block)]


def _space_to_depth(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    (n, channels, height, width), block = shapes[0], step.attributes["blocksize"]
    if height % block or width % block:
        raise DoesNotFit
    return [(n, channels * block**2, height // block, width // block)]


def _einsum(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    inputs, _, output = step.attributes["equation"].replace(" ", "").partition("->")
    terms = inputs.split(",")
    if "." in inputs or not output or any(len(term) != len(s) for term, s in zip(terms, shapes, strict=True)):
        raise DoesNotFit
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, n in zip(term, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise DoesNotFit
    return [tuple(sizes[letter] for letter in output)]


def _gemm(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    a, b = shapes[0], shapes[1]
    a = a[::-1] if step.attributes.get("transA", 0) else a
    b = b[::-1] if step.attributes.get("transB", 0) else b
    if a[1] != b[0]:
        raise DoesNotFit
    return [(a[0], b[1])]


def _top_k(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    x, count = shapes[0], step.constants[1]
    axis = step.attributes.get("axis", -1) % len(x)
    if count is None or count[0] > x[axis]:
        raise DoesNotFit
    return [(*x[:axis], count[0], *x[axis + 1 :])] * 2


def _matmul(step: Step, shapes: Sequence[Shape]) -> Sequence[Shape]:
    a, b = shapes[0], shapes[1]
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise DoesNotFit
    return [(*_broadcast(step, [a[:-2], b[:-2]])[0], a[-2], b[-1])]


RULES: dict[str, Rule] = {
    **dict.fromkeys(WINDOWED, _windowed),
    **dict.fromkeys(ELEMENTWISE, _broadcast),
    **dict.fromkeys(LIKE_FIRST, _like_first),
    **dict.fromkeys(REDUCE, _reduce),
    **dict.fromkeys(GLOBAL, _global),
    "CastLike": _like_first,
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Einsum": _einsum,
    "Expand": _expand,
    "ConvTranspose": _conv_transpose,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Gemm": _gemm,
    "GridSample": _grid_sample,
    "MatMul": _matmul,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
