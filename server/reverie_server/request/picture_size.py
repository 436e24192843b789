"""The size of a picture: its default, and whether the limits and the layers of its objective allow it."""

from __future__ import annotations

from collections.abc import Iterable

from reverie_proto.sizes import Size, described, from_message
from reverie_proto.v1 import catalog_pb2

from reverie_server.limits import Limits

#: The size of a picture if neither the spec nor the model says one.
DEFAULT_SIZE: Size = (224, 224)

SIDES = ("height", "width")


def default_size(native: Size | None, layers: Iterable[catalog_pb2.Layer]) -> Size:
    """Return the size of a picture whose spec has none: the model's own, with what the layers fix in its place."""
    height, width = native or DEFAULT_SIZE
    for layer in layers:
        fixed_height, fixed_width = from_message(layer.fixed_size)
        height, width = fixed_height or height, fixed_width or width
    return height, width


def problem_with_limits(size: Size, limits: Limits) -> str:
    """Return a sentence about a side that is outside of the limits, empty if there is none."""
    low, high = limits.min_size_px, limits.max_size_px
    for name, side in zip(SIDES, size, strict=True):
        if not low <= side <= high:
            return f"{described(size)} px (height x width): the {name} {side} is not in {low}..{high}"
    return ""


def problem_with_layer(size: Size, layer: catalog_pb2.Layer) -> str:
    """Return a sentence about a side that a layer does not take, empty if there is none."""
    fixed, least, multiple = map(from_message, (layer.fixed_size, layer.min_size, layer.size_multiple))
    asked = f"{described(size)} px (height x width): "
    if any(only and side != only for side, only in zip(size, fixed, strict=True)):
        if all(fixed):
            return f"{asked}layer {layer.name!r} takes pictures of {described(fixed)} px only"
        name, only = ("height", fixed[0]) if fixed[0] else ("width", fixed[1])
        return f"{asked}layer {layer.name!r} takes pictures of {name} {only} px only"
    for name, side, low, step in zip(SIDES, size, least, multiple, strict=True):
        if side < low:
            return f"{asked}the {name} is less than {low}, the least for layer {layer.name!r}"
        if side % max(1, step):
            return f"{asked}the {name} is not a multiple of {step}, which layer {layer.name!r} needs"
    return ""


def smallest_size(layer: catalog_pb2.Layer, least: int) -> Size:
    """Return the smallest size that a layer takes with sides of at least ``least`` pixels, where they are free."""
    fixed, low, multiple = map(from_message, (layer.fixed_size, layer.min_size, layer.size_multiple))
    height, width = (
        only or -(-max(least, own) // max(1, step)) * max(1, step)
        for only, own, step in zip(fixed, low, multiple, strict=True)
    )
    return height, width
