"""Operators that move, select, replace, join or reduce elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from conformance.oracles.torch_operators.call import Call, Function, Tensor

F = torch.nn.functional

# ----- the same elements in another order -----


def reshape(call: Call) -> Tensor:
    """Reshape; a size of 0 means that of the input."""
    sizes = call.numbers(1) or []
    return call.x.reshape([call.x.shape[i] if n == 0 else n for i, n in enumerate(sizes)])


def flatten(call: Call) -> Tensor:
    """Reshape to a matrix, split at the axis."""
    axis = call.get("axis", 1)
    return call.x.reshape(int(np.prod(call.x.shape[:axis])), -1)


def unsqueeze(call: Call) -> Tensor:
    """Insert axes, which are counted in the result."""
    x, axes = call.x, call.numbers(1) or []
    for axis in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(call: Call) -> Tensor:
    """Remove the given axes, or all of length 1."""
    axes = call.numbers(1)
    return call.x.squeeze() if axes is None else call.x.squeeze(tuple(axes))


def transpose(call: Call) -> Tensor:
    """Permute the axes; the default reverses them."""
    return call.x.permute(call.get("perm", list(range(call.x.ndim))[::-1]))


def depth_to_space(call: Call) -> Tensor:
    """DepthToSpace with blocks first (DCR) or channels first (CRD, which is pixel_shuffle)."""
    x, b = call.x, call.attributes["blocksize"]
    if call.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, b)
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)


def space_to_depth(call: Call) -> Tensor:
    """Invert DepthToSpace with blocks first."""
    x, b = call.x, call.attributes["blocksize"]
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b**2, h // b, w // b)


def reverse_sequence(call: Call) -> Tensor:
    """Reverse the first elements of each sequence."""
    time, batch = call.get("time_axis", 0), call.get("batch_axis", 1)
    moved = call.x.movedim((batch, time), (0, 1))
    lines = [torch.cat([s[:n].flip(0), s[n:]]) for s, n in zip(moved, call.numbers(1) or [], strict=True)]
    return torch.stack(lines).movedim((0, 1), (batch, time))


# ----- some of the elements, or more -----


def take(x: Tensor, axis: int, index: Any) -> Tensor:
    """Return the elements of an axis at a list of indices."""
    return x.index_select(axis, torch.as_tensor(np.ascontiguousarray(index), dtype=torch.int64))


def slice_(call: Call) -> Tensor:
    """Slice axis by axis, also with negative steps."""
    x, starts, ends = call.x, call.numbers(1) or [], call.numbers(2) or []
    axes, steps = call.numbers(3) or list(range(len(starts))), call.numbers(4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = take(x, axis, np.arange(x.shape[axis])[start : None if end < -x.shape[axis] else end : step])
    return x


def pad(call: Call) -> Tensor:
    """Pad with a constant, or with elements of the tensor itself."""
    x, pads, mode = call.x, call.numbers(1) or [], call.get("mode", "constant")
    axes = call.numbers(3) or list(range(x.ndim))
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if mode == "constant":
            value = call.numbers(2)
            around = [0, 0] * (x.ndim - 1 - axis % x.ndim) + [before, after]
            x = F.pad(x, around, value=value[0] if value else 0.0)
        else:
            modes: Any = mode
            x = take(x, axis, np.pad(np.arange(x.shape[axis]), (before, after), modes))
    return x


def center_crop_pad(call: Call) -> Tensor:
    """Crop or pad on both sides, with an odd element at the end."""
    x = call.x
    for axis, size in zip(call.get("axes", list(range(x.ndim))), call.numbers(1) or [], strict=True):
        n = x.shape[axis]
        if size < n:
            x = x.narrow(axis, (n - size) // 2, size)
        else:
            before = (size - n) // 2
            x = F.pad(x, [0, 0] * (x.ndim - 1 - axis) + [before, size - n - before])
    return x


def gather(call: Call) -> Tensor:
    """Index one axis by a tensor."""
    axis = call.get("axis", 0) % call.x.ndim
    return call.x[(slice(None),) * axis + (call.inputs[1],)]


def gather_elements(call: Call) -> Tensor:
    """torch.gather, with support for negative indices."""
    axis = call.get("axis", 0)
    return torch.gather(call.x, axis, call.inputs[1] % call.x.shape[axis])


def _leading(call: Call) -> tuple[Tensor, ...]:
    """Return the index of GatherND and ScatterND as one index tensor per axis."""
    index, batch = call.inputs[1], call.get("batch_dims", 0)
    places = tuple(index[..., k] for k in range(index.shape[-1]))
    lines = [torch.arange(n).reshape([-1] + [1] * (index.ndim - 2 - k)) for k, n in enumerate(index.shape[:batch])]
    return (*lines, *places)


REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def scatter_elements(call: Call) -> Tensor:
    """ScatterElements by scatter or scatter_reduce."""
    axis, how = call.get("axis", 0), call.get("reduction", "none")
    index = call.inputs[1] % call.x.shape[axis]
    if how == "none":
        return call.x.scatter(axis, index, call.inputs[2])
    return call.x.scatter_reduce(axis, index, call.inputs[2], REDUCTIONS[how])


def scatter_nd(call: Call) -> Tensor:
    """ScatterND by index_put, or by scatter_reduce on the flattened elements."""
    how, x, updates = call.get("reduction", "none"), call.x, call.inputs[2]
    if how in ("none", "add"):
        return x.index_put(_leading(call), updates, accumulate=how == "add")
    flat = torch.arange(x.numel()).reshape(x.shape)[_leading(call)].reshape(-1)
    return x.reshape(-1).scatter_reduce(0, flat, updates.reshape(-1), REDUCTIONS[how]).reshape(x.shape)


def compress(call: Call) -> Tensor:
    """Keep the elements for which a vector of truth values is true."""
    axis = call.get("axis", None)
    x = call.x.reshape(-1) if axis is None else call.x
    kept = call.inputs[1].nonzero().reshape(-1)
    return x.index_select(axis or 0, kept)


def split(call: Call) -> Any:
    """Split evenly, with a smaller last part, or by sizes."""
    axis, sizes = call.get("axis", 0), call.numbers(1)
    each = -(-call.x.shape[axis] // call.outputs)
    return torch.split(call.x, each if sizes is None else sizes, axis)


def top_k(call: Call) -> Any:
    """Return the k largest or smallest elements."""
    (k,) = call.numbers(1) or [1]
    return torch.topk(call.x, k, call.get("axis", -1), bool(call.get("largest", 1)))


# ----- running along an axis -----


def cumulative(function: Any, neutral: float) -> Function:
    """Return running sums or products, exclusive or from the end."""

    def run(call: Call) -> Tensor:
        ((axis,), x) = call.numbers(1) or [0], call.x
        x = x.flip(axis) if call.get("reverse", 0) else x
        y = function(x, axis)
        if call.get("exclusive", 0):
            y = torch.cat([torch.full_like(y.narrow(axis, 0, 1), neutral), y.narrow(axis, 0, y.shape[axis] - 1)], axis)
        return y.flip(axis) if call.get("reverse", 0) else y

    return run


def trilu(call: Call) -> Tensor:
    """Return the upper or the lower triangle."""
    (k,) = call.numbers(1) or [0]
    return torch.triu(call.x, k) if call.get("upper", 1) else torch.tril(call.x, k)


def range_(call: Call) -> Tensor:
    """Return start + i * step for all i."""
    start, limit, step = call.inputs
    count = int(np.ceil(((limit - start) / step).item()))
    return start + step * torch.arange(count)


def one_hot(call: Call) -> Tensor:
    """OneHot with the given off and on values."""
    index, (depth,), (off, on) = call.x, call.numbers(1) or [1], call.inputs[2]
    places = F.one_hot(index % depth, depth).movedim(-1, call.get("axis", -1))
    return off + (on - off) * places


# ----- reductions -----


def reduction(function: Any) -> Function:
    """Reduce the axes that an attribute or an input names, or all."""

    def run(call: Call) -> Tensor:
        axes = call.get("axes", call.numbers(1))
        if not axes and call.get("noop_with_empty_axes", 0):
            return call.x
        return function(call.x, tuple(axes or range(call.x.ndim)), bool(call.get("keepdims", 1)))

    return run


def product(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    """torch.prod, axis by axis."""
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, axis, keep)
    return x


FUNCTIONS: dict[str, Function] = {
    "CenterCropPad": center_crop_pad,
    "Compress": compress,
    "Concat": lambda call: torch.cat(list(call.inputs), call.attributes["axis"]),
    "CumProd": cumulative(torch.cumprod, 1.0),
    "CumSum": cumulative(torch.cumsum, 0.0),
    "DepthToSpace": depth_to_space,
    "Einsum": lambda call: torch.einsum(call.attributes["equation"].replace(" ", ""), *call.inputs),
    "Expand": lambda call: call.x * torch.ones(call.numbers(1) or [], dtype=call.x.dtype),
    "Flatten": flatten,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": lambda call: call.x[_leading(call)],
    "OneHot": one_hot,
    "Pad": pad,
    "Range": range_,
    "ReduceL1": reduction(lambda x, a, k: torch.linalg.vector_norm(x, 1, a, k)),
    "ReduceL2": reduction(lambda x, a, k: torch.linalg.vector_norm(x, 2, a, k)),
    "ReduceLogSum": reduction(lambda x, a, k: x.sum(a, k).log()),
    "ReduceLogSumExp": reduction(torch.logsumexp),
    "ReduceMax": reduction(torch.amax),
    "ReduceMean": reduction(torch.mean),
    "ReduceMin": reduction(torch.amin),
    "ReduceProd": reduction(product),
    "ReduceSum": reduction(torch.sum),
    "ReduceSumSquare": reduction(lambda x, a, k: x.square().sum(a, k)),
    "Reshape": reshape,
    "ReverseSequence": reverse_sequence,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "Shape": lambda call: torch.tensor(call.x.shape),
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": lambda call: call.x.tile(call.numbers(1) or []),
    "TopK": top_k,
    "Transpose": transpose,
    "Trilu": trilu,
    "Unsqueeze": unsqueeze,
}
