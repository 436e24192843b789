"""Sizes as messages, for tests of everything that sends them."""

from __future__ import annotations

from reverie_proto.sizes import to_message
from reverie_proto.v1 import size_pb2


def square(side: int) -> size_pb2.Size:
    """Return the message of a square."""
    return to_message((side, side))
