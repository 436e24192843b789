"""The options that calls take by name."""

from __future__ import annotations

import enum

from reverie_proto.options import DeliveryOptions, SpecOptions

from reverie.objectives import Objective
from reverie.spec import Spec

__all__ = ["DeliveryOptions", "JobOptions", "Priority", "RenderOptions", "SpecOptions", "StreamOptions"]


class Priority(enum.StrEnum):
    """Who goes first when many renders want the device."""

    INTERACTIVE = "interactive"  # somebody waits for the picture
    BATCH = "batch"  # nobody does


class RenderOptions(DeliveryOptions, total=False):
    """What ``render`` takes beside a model, a layer and a channel: all of :class:`DeliveryOptions`, and these.

    ============== ====================================================================================================
    objective      instead of layer and channel: a term or a sum of :mod:`reverie.objectives`
    spec           instead of all that describes the picture: a :class:`Spec`, such as ``rendering.spec``
    format         "png", "webp", "jpeg" or "raw": how the picture travels ("png")
    frame_format   as ``format``, for frames ("png")
    timeout        seconds that the call may take (the client's; without one, no limit)
    ============== ====================================================================================================
    """

    objective: Objective
    spec: Spec
    format: str
    frame_format: str
    timeout: float | None


class StreamOptions(RenderOptions, total=False):
    """What ``stream`` takes: as ``render``, and ``progress_every``, the steps between two messages of progress."""

    progress_every: int


class JobOptions(SpecOptions, total=False):
    """What all pictures of a job have in common: :class:`SpecOptions`. And of the call that creates the job:

    ============== ====================================================================================================
    timeout        seconds that the call may take (the client's, or 30); the job has none
    ============== ====================================================================================================
    """

    timeout: float | None
