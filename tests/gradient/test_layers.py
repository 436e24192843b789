"""Single layers whose attributes differ between torch and ONNX, compared with torch's autograd."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gradient.twins import Network, Weights, check_float32, check_float64, torch

torchvision = pytest.importorskip("torchvision")
F = torch.nn.functional

# ----- transposed convolution -----


def enlarge(weights: tuple[int, ...], attributes: str, **options: Any) -> Network:
    return Network(
        f"conv_transpose {options}",
        {"a": weights},
        f"y = ConvTranspose <{attributes}> (image, a)",
        lambda x, w: F.conv_transpose2d(x, w["a"], **options),
        (2, 3, 6, 7),
    )


# ----- interpolation, by scales and by sizes -----


def resized(mode: str, attributes: str, to: str, **options: Any) -> Network:
    """Resize H and W; ``to`` is the operand with the scales or sizes."""
    at = ", scales" if to.startswith("scales") else ", , sizes"
    return Network(
        f"interpolate {mode} {options}",
        {},
        f"{to} y = Resize <axes = [2, 3], mode = {attributes}> (image, {at})",
        lambda x, w: F.interpolate(x, mode=mode, **options),
        (2, 3, 6, 9),
    )


LARGER = {"scale_factor": (1.75, 2.5)}
SMALLER = {"size": (4, 5)}
TO = {
    str(LARGER): "scales = Constant <value_floats = [1.75, 2.5]> ()",
    str(SMALLER): "sizes = Constant <value_ints = [4, 5]> ()",
}
HALF, ALIGNED = (
    ', coordinate_transformation_mode = "pytorch_half_pixel"',
    ', coordinate_transformation_mode = "align_corners"',
)
FLOOR = '"nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"'
EXACT = '"nearest", coordinate_transformation_mode = "half_pixel", nearest_mode = "round_prefer_ceil"'


def interpolations() -> list[Network]:
    found = []
    for change in (LARGER, SMALLER):
        to = TO[str(change)]
        found += [resized("nearest", FLOOR, to, **change), resized("nearest-exact", EXACT, to, **change)]
        for mode, onnx_mode in (("bilinear", '"linear"'), ("bicubic", '"cubic"')):
            for aligned, where in ((False, HALF), (True, ALIGNED)):
                found.append(resized(mode, onnx_mode + where, to, align_corners=aligned, **change))
    return found


def antialiased(scales: tuple[float, float]) -> list[Network]:
    """Enlarge or shrink as Pillow does, whose cubic differs from torch's usual one."""
    to, where = (
        f"scales = Constant <value_floats = {list(scales)}> ()",
        "antialias = 1, exclude_outside = 1, " + HALF.lstrip(", "),
    )
    modes = {"bilinear": '"linear"', "bicubic": '"cubic", cubic_coeff_a = -0.5'}
    return [
        resized(mode, f"{onnx_mode}, {where}", to, antialias=True, scale_factor=scales)
        for mode, onnx_mode in modes.items()
    ]


# ----- pooling -----


def pooled(operator: str, attributes: str, opset: int = 18, **options: Any) -> Network:
    torchs = {"MaxPool": F.max_pool2d, "AveragePool": F.avg_pool2d}[operator]
    return Network(
        f"{operator} {options}",
        {},
        f"y = {operator} <{attributes}> (image)",
        lambda x, w: torchs(x, **options),
        (2, 3, 12, 15),
        opset,
    )


def average(stride: int, pad: int, *, ceil: bool, include: bool) -> Network:
    attributes = (
        f"kernel_shape = [3, 3], strides = [{stride}, {stride}], pads = [{pad}, {pad}, {pad}, {pad}], "
        f"ceil_mode = {int(ceil)}, count_include_pad = {int(include)}"
    )
    options = {"kernel_size": 3, "stride": stride, "padding": pad, "ceil_mode": ceil, "count_include_pad": include}
    return pooled("AveragePool", attributes, opset=19, **options)  # before, ceil_mode counted differently


# ----- positions that are only known at run time -----


def warp(mode: str, padding: str, *, aligned: bool) -> Network:
    """An image that is sampled at positions computed from itself, partly beyond its edges."""

    def warped(x: Any, w: Weights) -> Any:
        return F.grid_sample(x, where(x, w), mode, padding, align_corners=aligned)

    def where(x: Any, w: Weights) -> Any:
        return (torch.tanh(F.conv2d(x, w["a"], stride=2)) * 2).permute(0, 2, 3, 1)

    body = f"""
        c = Conv <strides = [2, 2]> (image, a) t = Tanh(c) two = Constant <value = T_ {{2.0}}> () m = Mul(t, two)
        grid = Transpose <perm = [0, 2, 3, 1]> (m)
        y = GridSample <mode = "{mode}", padding_mode = "{padding}", align_corners = {int(aligned)}> (image, grid)
        """
    return Network(f"{mode} warp, {padding}, {aligned}", {"a": (2, 3, 3, 3)}, body, warped, (2, 3, 10, 13))


def deformed(group: int, parts: int, *, masked: bool) -> Network:
    """A deformable convolution whose offsets and masks are computed from the image itself."""
    pads = "pads = [1, 1, 1, 1], strides = [2, 2]"
    mask = f"n = Conv <{pads}> (x, c) m = Sigmoid(n)" if masked else ""
    body = f"""
        x = Conv <pads = [1, 1, 1, 1]> (image, a) o = Conv <{pads}> (x, b) {mask}
        y = DeformConv <{pads}, group = {group}, offset_group = {parts}> (x, w, o{", , m" if masked else ""})
        """

    def twin(image: Any, w: Weights) -> Any:
        x = F.conv2d(image, w["a"], padding=1)
        offset, logits = (F.conv2d(x, w[name], stride=2, padding=1) for name in ("b", "c"))
        factor = torch.sigmoid(logits) if masked else None
        return torchvision.ops.deform_conv2d(x, offset, w["w"], stride=2, padding=1, mask=factor)

    weights: dict[str, tuple[int, ...]] = {
        "a": (4, 3, 3, 3),
        "b": (18 * parts, 4, 3, 3),
        "c": (9 * parts, 4, 3, 3),
        "w": (6, 4 // group, 3, 3),
    }
    return Network(f"deform_conv2d {group} {parts} {masked}", weights, body, twin, (2, 3, 9, 12), 19)


REGIONS = [[0, 1.3, 0.7, 30.2, 17.9], [1, -3.1, 5.2, 12.4, 40.0], [1, 8.0, 8.1, 8.4, 9.9]]
CONSTANT = (
    f"r = Constant <value = T_[3, 4] {{{', '.join(str(v) for row in REGIONS for v in row[1:])}}}> () "
    "n = Constant <value_ints = [0, 1, 1]> ()"
)


def aligned(ratio: int, *, half: bool) -> Network:
    """Regions of a feature map of half the size; without a ratio, torch counts samples by -1."""
    mode = "half_pixel" if half else "output_half_pixel"
    body = f"""
        {CONSTANT} x = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a)
        y = RoiAlign <output_height = 3, output_width = 4, spatial_scale = 0.5, sampling_ratio = {ratio},
            coordinate_transformation_mode = "{mode}"> (x, r, n)
        """

    def twin(image: Any, w: Weights) -> Any:
        x, boxes = F.conv2d(image, w["a"], stride=2, padding=1), torch.tensor(REGIONS, dtype=image.dtype)
        return torchvision.ops.roi_align(x, boxes, (3, 4), 0.5, ratio or -1, aligned=half)

    return Network(f"roi_align {ratio} {mode}", {"a": (4, 3, 3, 3)}, body, twin, (2, 3, 24, 33))


def rounded(image: Any, w: Weights) -> Any:
    x, boxes = F.conv2d(image, w["a"], stride=2, padding=1), torch.tensor(REGIONS, dtype=image.dtype)
    return torchvision.ops.roi_pool(x, boxes, (3, 4), 0.5)


ROI_POOL = f"""
    {CONSTANT} one = Constant <value_ints = [1]> () f = CastLike(n, r) b = Unsqueeze(f, one)
    rows = Concat <axis = 1> (b, r) x = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (image, a)
    y = MaxRoiPool <pooled_shape = [3, 4], spatial_scale = 0.5> (x, rows)
    """

LAYERS = [
    enlarge(
        (3, 4, 3, 3),
        "strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]",
        stride=2,
        padding=1,
        output_padding=1,
    ),
    enlarge((3, 2, 3, 2), "strides = [2, 3], group = 3", stride=(2, 3), groups=3),
    enlarge((3, 2, 3, 3), "dilations = [2, 2], pads = [1, 1, 1, 1], group = 3", dilation=2, padding=1, groups=3),
    enlarge(
        (3, 5, 2, 3),
        "strides = [3, 2], dilations = [2, 3], pads = [2, 1, 2, 1], output_padding = [2, 1]",
        stride=(3, 2),
        dilation=(2, 3),
        padding=(2, 1),
        output_padding=(2, 1),
    ),
    *interpolations(),
    *antialiased((0.625, 0.75)),
    *antialiased((1.75, 0.5)),
    pooled("MaxPool", "kernel_shape = [3, 2], dilations = [2, 3]", kernel_size=(3, 2), stride=1, dilation=(2, 3)),
    pooled(
        "MaxPool",
        "kernel_shape = [3, 3], dilations = [2, 2], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1",
        kernel_size=3,
        dilation=2,
        stride=2,
        padding=1,
        ceil_mode=True,
    ),
    pooled("MaxPool", "kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1", kernel_size=2, ceil_mode=True),
    *(average(2, 1, ceil=ceil, include=include) for ceil in (False, True) for include in (False, True)),
    average(3, 0, ceil=True, include=True),
    *(
        warp(mode, padding, aligned=aligned)
        for mode in ("bilinear", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for aligned in (False, True)
    ),
    deformed(1, 1, masked=False),
    deformed(2, 1, masked=True),
    deformed(1, 2, masked=True),
    *(aligned(ratio, half=half) for ratio in (0, 2) for half in (False, True)),
    Network("roi_pool", {"a": (4, 3, 3, 3)}, ROI_POOL, rounded, (2, 3, 24, 33)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_float64_gradient_is_torchs_to_nine_digits(layer: Network) -> None:
    check_float64(layer)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_float32_gradient_in_onnxruntime_is_torchs(layer: Network) -> None:
    check_float32(layer)
