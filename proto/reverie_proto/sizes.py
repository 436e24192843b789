"""Sizes as pairs of numbers, height before width, and their conversion to and from the message."""

from __future__ import annotations

from typing import TypeAlias

from reverie_proto.v1 import size_pb2

#: Height and width.
Size: TypeAlias = tuple[int, int]


def to_message(size: Size) -> size_pb2.Size:
    """Return the message for a size."""
    return size_pb2.Size(height_px=size[0], width_px=size[1])


def from_message(message: size_pb2.Size) -> Size:
    """Return the height and the width of a message, each 0 if it is not set."""
    return message.height_px, message.width_px


def described(size: Size) -> str:
    """Return a size as people write it, such as "32 x 128"."""
    return f"{size[0]} x {size[1]}"


def accepted(least: Size, multiple: Size, fixed: Size) -> str:
    """Return in words which sizes a layer takes: "from 3 x 5", "only 32 x 128", "height only 32, width from 4 by 4".

    They are multiples of ``multiple`` from ``least`` on; a number of ``fixed`` that is not 0 is the only one.
    """
    if all(fixed):
        return f"only {described(fixed)}"
    if not any(fixed) and max(multiple) <= 1:
        return f"from {described(least)}"
    height, width = (
        f"only {only}" if only else f"from {low}" + (f" by {step}" if step > 1 else "")
        for low, step, only in zip(least, multiple, fixed, strict=True)
    )
    return f"both sides {height}" if height == width else f"height {height}, width {width}"
