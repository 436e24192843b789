"""The keyword options of the client's calls."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from reverie_proto.options import DeliveryOptions, SpecOptions
from reverie_proto.v1 import objective_pb2, spec_pb2

from reverie.objectives import Objective
from reverie.spec import Spec

__all__ = ["DeliveryOptions", "JobOptions", "Priority", "RenderOptions", "SpecOptions", "StreamOptions"]


class Priority(enum.StrEnum):
    """Which renders go first when many wait for the device."""

    INTERACTIVE = "interactive"  # a person waits for the picture
    BATCH = "batch"  # no person waits: interactive renders go first


class RenderOptions(DeliveryOptions, total=False):
    """The keyword options of ``render``: those of :class:`DeliveryOptions`, and these.

    ============== ====================================================================================================
    objective      instead of layer and channel: a term or a sum of :mod:`reverie.objectives`, or the wire's message
    spec           a :class:`Spec`, such as ``rendering.spec``, instead of all options that describe the picture
    format         "png", "webp", "jpeg" or "raw": how the picture is encoded ("png")
    frame_format   the same for frames ("png")
    timeout        seconds that the call may take (the client's ``timeout``; no limit if it has none)
    ============== ====================================================================================================
    """

    objective: Objective | objective_pb2.Objective
    spec: Spec | spec_pb2.RenderSpec
    format: str
    frame_format: str
    timeout: float | None


class StreamOptions(RenderOptions, total=False):
    """The keyword options of ``stream``: those of ``render``, and ``progress_every``, the steps between two events."""

    progress_every: int


class JobOptions(SpecOptions, total=False):
    """The keyword options of ``create_job``: those of :class:`SpecOptions`, for all pictures of the job, and these.

    ============== ====================================================================================================
    seeds          render each channel with each of these seeds (the option ``seed`` alone)
    timeout        seconds that the call may take (the client's ``timeout``, or 30); the job itself has no limit
    ============== ====================================================================================================
    """

    seeds: Sequence[int]
    timeout: float | None
