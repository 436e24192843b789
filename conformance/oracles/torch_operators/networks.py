"""Layers: convolution, pooling, normalisation, attention, losses, transforms and resampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from conformance.oracles.torch_operators.arranging import take
from conformance.oracles.torch_operators.call import Call, Function, Tensor

F = torch.nn.functional

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def around(x: Tensor, before: np.ndarray, after: np.ndarray, value: float = 0.0) -> Tensor:
    """Pad the last axes; negative numbers crop."""
    return F.pad(x, [int(n) for pair in zip(before[::-1], after[::-1], strict=True) for n in pair], value=value)


class Window:
    """The windows of a convolution or a pool: kernel, strides, dilations and pads, as arrays with a number per axis."""

    def __init__(self, call: Call, kernel: list[int]) -> None:
        rank, size = len(kernel), np.array(call.x.shape[2:])
        self.kernel = np.array(kernel)
        self.strides = np.array(call.get("strides", [1] * rank))
        self.dilations = np.array(call.get("dilations", [1] * rank))
        reach = self.dilations * (self.kernel - 1) + 1
        auto = call.get("auto_pad", "NOTSET")
        if auto.startswith("SAME"):
            total = np.maximum(0, (-(-size // self.strides) - 1) * self.strides + reach - size)
            self.before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            self.after = total - self.before
        else:
            self.before, self.after = np.array(call.get("pads", [0] * 2 * rank)).reshape(2, rank)
        room = size + self.before + self.after - reach
        self.count = room // self.strides + 1
        if call.get("ceil_mode", 0):
            more = -(-room // self.strides) + 1
            begins = (more - 1) * self.strides < size + self.before  # a window must begin within the input
            self.count = np.where(begins, more, self.count)
        self.needed = (self.count - 1) * self.strides + reach - size - self.before

    def padded(self, x: Tensor, value: float) -> Tensor:
        """Pad the input as far as windows reach."""
        return around(x, self.before, self.needed, value)

    def views(self, padded: Tensor) -> Tensor:
        """Cut a padded input into windows: [N, C, out..., elements of the window]."""
        x = padded
        for axis, lines in enumerate(zip(self.count, self.strides, self.kernel, self.dilations, strict=True)):
            count, stride, kernel, dilation = map(int, lines)
            places = np.arange(count)[:, None] * stride + np.arange(kernel) * dilation
            x = take(x, 2 + axis, places.ravel()).unflatten(2 + axis, (count, kernel)).movedim(3 + axis, -1)
        return x.flatten(2 + len(self.count))

    def tuples(self) -> tuple[list[int], list[int]]:
        """Return strides and dilations."""
        return self.strides.tolist(), self.dilations.tolist()


def conv(call: Call) -> Tensor:
    """Pad, then convolve."""
    w = call.inputs[1]
    window = Window(call, list(w.shape[2:]))
    strides, dilations = window.tuples()
    x = around(call.x, window.before, window.after)
    return CONV[w.ndim - 2](x, w, call.input(2), strides, 0, dilations, call.get("group", 1))


def conv_transpose(call: Call) -> Tensor:
    """Convolve without pads, then cut them off."""
    x, w = call.x, call.inputs[1]
    rank, kernel, size = w.ndim - 2, np.array(w.shape[2:]), np.array(x.shape[2:])
    s, d = np.array(call.get("strides", [1] * rank)), np.array(call.get("dilations", [1] * rank))
    more = np.array(call.get("output_padding", [0] * rank))
    full = s * (size - 1) + d * (kernel - 1) + 1 + more
    auto, wanted = call.get("auto_pad", "NOTSET"), call.get("output_shape", None)
    if auto.startswith("SAME") or wanted:
        total = full - (np.array(wanted) if wanted else size * s)
        before = total // 2 if auto == "SAME_UPPER" else total - total // 2
        after = total - before
    else:
        before, after = np.array(call.get("pads", [0] * 2 * rank)).reshape(2, rank)
    y = CONV_TRANSPOSE[rank](x, w, None, s.tolist(), 0, 0, call.get("group", 1), d.tolist())
    y, bias = around(y, -before, more - after), call.input(2)
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def max_pool(call: Call) -> Any:
    """Max pooling by torch on an input padded with minus infinity; indices are counted in the whole tensor."""
    window = Window(call, call.attributes["kernel_shape"])
    strides, dilations = window.tuples()
    x = window.padded(call.x, -math.inf)
    y, at = MAX_POOL[len(strides)](x, window.kernel.tolist(), strides, 0, dilations, return_indices=True)
    planes = torch.arange(y.shape[0] * y.shape[1]).reshape(*y.shape[:2], *[1] * len(strides))
    return y, at + planes * math.prod(call.x.shape[2:])


def max_unpool(call: Call) -> Tensor:
    """Put the maxima back at their indices."""
    x, at, kernel = call.x, call.inputs[1], np.array(call.attributes["kernel_shape"])
    size = (np.array(x.shape[2:]) - 1) * np.array(call.get("strides", [1] * len(kernel))) + kernel
    shape = [*x.shape[:2], *size.tolist()]
    return torch.zeros(math.prod(shape), dtype=x.dtype).index_put((at.reshape(-1),), x.reshape(-1)).reshape(shape)


def average_pool(call: Call) -> Tensor:
    """Sum, and divide by the number of elements that count."""
    window = Window(call, call.attributes["kernel_shape"])
    counted = torch.ones_like(call.x)
    if call.get("count_include_pad", 0):  # not beyond the pads, where windows stick out
        counted = around(counted, window.before, window.after, 1.0)
        counted = around(counted, 0 * window.before, window.needed - window.after)
    else:
        counted = window.padded(counted, 0.0)
    return window.views(window.padded(call.x, 0.0)).sum(-1) / window.views(counted).sum(-1)


def lp_pool(call: Call) -> Tensor:
    """The p-norm of each window."""
    window = Window(call, call.attributes["kernel_shape"])
    return torch.linalg.vector_norm(window.views(window.padded(call.x, 0.0)), call.get("p", 2), -1)


def over_places(function: Any) -> Function:
    """Reduce all axes but the first two."""
    return lambda call: function(call, tuple(range(2, call.x.ndim)))


def gemm(call: Call) -> Tensor:
    """Return alpha * A @ B + beta * C."""
    a, b, c = call.x, call.inputs[1], call.input(2)
    a, b = a.T if call.get("transA", 0) else a, b.T if call.get("transB", 0) else b
    y = call.get("alpha", 1.0) * (a @ b)
    return y if c is None else y + call.get("beta", 1.0) * c


# ----- normalisation -----


def batch_normalization(call: Call) -> Tensor:
    """Batch normalisation with the given statistics."""
    x, scale, bias, mean, var = call.inputs
    return F.batch_norm(x, mean, var, scale, bias, eps=call.get("epsilon", 1e-5))


def normalized(function: Any) -> Function:
    """Normalise over the last axes, starting with the given one."""

    def run(call: Call) -> Tensor:
        axis = call.get("axis", -1) % call.x.ndim
        return function(call.x, call.x.shape[axis:], *call.inputs[1:], eps=call.get("epsilon", 1e-5))

    return run


def mean_variance(call: Call) -> Tensor:
    """Return (x - mean) / standard deviation."""
    axes = tuple(call.get("axes", [0, 2, 3]))
    return (call.x - call.x.mean(axes, True)) / (call.x.std(axes, correction=0, keepdim=True) + 1e-9)


def local_response(call: Call) -> Tensor:
    """LRN; for an even size torch uses one more channel before, and ONNX one more after."""
    x, size = call.x, call.attributes["size"]
    near = F.pad(x.square(), [0, 0] * (x.ndim - 2) + [(size - 1) // 2, size // 2]).unfold(1, size, 1).sum(-1)
    return x / (call.get("bias", 1.0) + call.get("alpha", 1e-4) / size * near) ** call.get("beta", 0.75)


# ----- losses -----


def _reduced(call: Call, logarithms: Tensor) -> Tensor:
    labels = call.inputs[1]
    return F.nll_loss(
        logarithms,
        labels,
        call.input(2),
        ignore_index=call.get("ignore_index", -100),
        reduction=call.get("reduction", "mean"),
    )


def cross_entropy(call: Call) -> Any:
    """Return the loss and the logarithms of the probabilities."""
    logarithms = F.log_softmax(call.x, 1)
    return _reduced(call, logarithms), logarithms


# ----- attention -----


def attention(call: Call) -> Any:
    """Return scaled_dot_product_attention, with past keys and values prepended."""
    q, k, v = call.inputs[:3]
    flat = q.ndim == 3
    if flat:
        heads, kv = call.attributes["q_num_heads"], call.attributes["kv_num_heads"]
        q, k, v = (t.unflatten(-1, (h, -1)).transpose(1, 2) for t, h in ((q, heads), (k, kv), (v, kv)))
    mask, before = call.input(3), (call.input(4), call.input(5))
    past = 0
    if before[0] is not None and before[1] is not None:
        past = before[0].shape[2]
        k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
    present = k, v
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
    scores = q @ k.transpose(-1, -2) * call.get("scale", q.shape[-1] ** -0.5)
    if cap := call.get("softcap", 0.0):
        scores = cap * torch.tanh(scores / cap)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    if call.get("is_causal", 0):
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(past)
        scores = scores.masked_fill(~seen, -math.inf)
    # A row without any visible key gives zeros.
    blind = (scores == -math.inf).all(-1, keepdim=True)
    y = torch.softmax(scores.masked_fill(blind, 0.0), -1).masked_fill(blind, 0.0) @ v
    return (y.transpose(1, 2).flatten(2) if flat else y), *present


def rotary(call: Call) -> Tensor:
    """Rotate pairs of numbers by an angle for each position."""
    x, cos, sin, position = call.x, call.inputs[1], call.inputs[2], call.input(3)
    flat = x.ndim == 3
    x = x.unflatten(-1, (call.attributes["num_heads"], -1)).transpose(1, 2) if flat else x
    cos, sin = ((t if position is None else t[position]).unsqueeze(1) for t in (cos, sin))
    turned = call.get("rotary_embedding_dim", 0) or x.shape[-1]
    part, rest = x[..., :turned], x[..., turned:]
    if call.get("interleaved", 0):
        a, b = part[..., 0::2], part[..., 1::2]
        y = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
    else:
        a, b = part.chunk(2, -1)
        y = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    y = torch.cat([y, rest], -1)
    return y.transpose(1, 2).flatten(2) if flat else y


# ----- transforms and resampling -----


def dft(call: Call) -> Tensor:
    """torch.fft, with the real and the imaginary part as the last axis."""
    x = call.x
    (axis,) = (call.numbers(2) or [-2]) if call.opset >= 20 else [call.get("axis", 1)]
    axis %= x.ndim  # counted with the axis of the parts
    (n,) = call.numbers(1) or [x.shape[axis]]
    z = torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x[..., 0].to(torch.complex128)
    y = torch.fft.ifft(z, n, axis) if call.get("inverse", 0) else torch.fft.fft(z, n, axis)
    y = y.narrow(axis, 0, n // 2 + 1) if call.get("onesided", 0) else y
    return torch.view_as_real(y)


def grid_sample(call: Call) -> Tensor:
    """F.grid_sample."""
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(call.get("mode", "linear"), call.get("mode", "linear"))
    edges, aligned = call.get("padding_mode", "zeros"), bool(call.get("align_corners", 0))
    return F.grid_sample(call.x, call.inputs[1], mode, edges, aligned)


def col2im(call: Call) -> Tensor:
    """Col2Im by F.fold, whose pads are equal on both sides."""
    image, block = call.numbers(1) or [], call.numbers(2) or []
    rank = len(image)
    pads, strides, dilations = (
        call.get(name, [value] * rank) for name, value in (("pads", 0), ("strides", 1), ("dilations", 1))
    )
    flat = [[1], [1], [0], [1], [1]] if rank == 1 else [[]] * 5
    image, block, pads, strides, dilations = (
        a + list(b) for a, b in zip(flat, (image, block, pads[:rank], strides, dilations), strict=True)
    )
    y = F.fold(call.x, image, block, dilations, pads, strides)
    return y.squeeze(2) if rank == 1 else y


def resize(call: Call) -> Tensor:
    """Resize by F.interpolate, for the modes that it supports."""
    mode, how = call.get("mode", "nearest"), call.get("coordinate_transformation_mode", "half_pixel")
    rounding = call.get("nearest_mode", "round_prefer_floor")
    scales, sizes, axes = call.numbers(2), call.numbers(3), call.get("axes", list(range(call.x.ndim)))
    rank = call.x.ndim - 2
    lines = dict(zip(axes, sizes or [], strict=True)) if sizes else {}
    out = [lines.get(a, call.x.shape[a]) for a in range(2, call.x.ndim)] if sizes else None
    known = {
        ("nearest", "asymmetric", "floor"): ("nearest", None),
        ("nearest", "half_pixel", "round_prefer_ceil"): ("nearest-exact", None),
        ("linear", "half_pixel", rounding): ("linear", False),
        ("linear", "pytorch_half_pixel", rounding): ("linear", False),
        ("linear", "align_corners", rounding): ("linear", True),
        ("cubic", "half_pixel", rounding): ("cubic", False),
        ("cubic", "align_corners", rounding): ("cubic", True),
    }.get((mode, how, rounding))
    options = {"antialias", "exclude_outside", "keep_aspect_ratio_policy"} & call.attributes.keys()
    if known is None or options or call.get("cubic_coeff_a", -0.75) != -0.75:
        raise NotImplementedError(
            f"torch resizes in no such way: {mode}, {how}, {rounding} {' '.join(options)}".strip()
        )
    kind, aligned = known
    kind = {"linear": {1: "linear", 2: "bilinear", 3: "trilinear"}[rank], "cubic": "bicubic"}.get(kind, kind)
    factors = None if scales is None else scales[2:]
    return F.interpolate(call.x, out, factors, kind, aligned)


FUNCTIONS: dict[str, Function] = {
    "AffineGrid": lambda call: F.affine_grid(call.x, call.numbers(1) or [], bool(call.get("align_corners", 0))),
    "Attention": attention,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Col2Im": col2im,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DFT": dft,
    "Gemm": gemm,
    "GlobalAveragePool": over_places(lambda call, axes: call.x.mean(axes, True)),
    "GlobalLpPool": over_places(lambda call, axes: torch.linalg.vector_norm(call.x, call.get("p", 2), axes, True)),
    "GlobalMaxPool": over_places(lambda call, axes: torch.amax(call.x, axes, True)),
    "GridSample": grid_sample,
    "GroupNormalization": lambda call: F.group_norm(
        call.x, call.attributes["num_groups"], *call.inputs[1:], eps=call.get("epsilon", 1e-5)
    ),
    "InstanceNormalization": lambda call: F.instance_norm(
        call.x, weight=call.inputs[1], bias=call.inputs[2], eps=call.get("epsilon", 1e-5)
    ),
    "LRN": local_response,
    "LayerNormalization": normalized(F.layer_norm),
    "LogSoftmax": lambda call: F.log_softmax(call.x, call.get("axis", -1)),
    "LpNormalization": lambda call: F.normalize(call.x, call.get("p", 2), call.get("axis", -1), eps=0.0),
    "LpPool": lp_pool,
    "MatMul": lambda call: torch.matmul(*call.inputs),
    "MaxPool": max_pool,
    "MaxUnpool": max_unpool,
    "MeanVarianceNormalization": mean_variance,
    "NegativeLogLikelihoodLoss": lambda call: _reduced(call, call.x),
    "RMSNormalization": normalized(F.rms_norm),
    "Resize": resize,
    "RotaryEmbedding": rotary,
    "Softmax": lambda call: F.softmax(call.x, call.get("axis", -1)),
    "SoftmaxCrossEntropyLoss": cross_entropy,
}
