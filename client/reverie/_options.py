"""The words that calls take by name."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TypedDict

from reverie.objectives import Objective
from reverie.pictures import ImageFormat
from reverie.spec import Spec


class Priority(enum.StrEnum):
    """Who goes first when many renders want the device."""

    INTERACTIVE = "interactive"  # somebody waits for the picture
    BATCH = "batch"  # nobody does


class SpecOptions(TypedDict, total=False):
    """What describes a picture beside its objective. Whatever is left out is the server's default.

    =============== ===================================================================================================
    size            width and height in pixels (224)
    steps           steps of gradient ascent (the preset's)
    seed            of the first noise and of every random transform (0: the same request gives the same picture)
    learning_rate   step size of Adam (the preset's)
    preset          name of a preset, which supplies whatever is left out ("reverie")
    parametrization "fourier" or "pixel" (the preset's)
    transforms      "none" or "lucid" (the preset's)
    schedule        of the step size: "constant" or "one_cycle" (the preset's)
    =============== ===================================================================================================
    """

    size: int
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str
    transforms: str
    schedule: str


class RenderOptions(SpecOptions, total=False):
    """What ``render`` takes beside a model, a layer and a channel: all of :class:`SpecOptions`, and these.

    ============== ====================================================================================================
    objective      instead of layer and channel: a term or a sum of :mod:`reverie.objectives`
    spec           instead of all that describes the picture: a :class:`Spec`, such as ``rendering.spec``
    format         "png", "webp", "jpeg" or "raw": how the picture travels ("png")
    frames_every   return every n-th picture on the way
    frames_at      return the pictures after these numbers of steps; 0 is the first noise
    frame_size     scale frames down to this many pixels
    frame_format   as ``format``, for frames ("png")
    priority       "interactive", or "batch", which gives way to the others ("interactive")
    cache          of the server's finished pictures: "use", "bypass" (render again) or "only" (never render) ("use")
    timeout        seconds that the call may take (the client's; without one, no limit)
    ============== ====================================================================================================
    """

    objective: Objective
    spec: Spec
    format: ImageFormat | str
    frames_every: int
    frames_at: Sequence[int]
    frame_size: int
    frame_format: ImageFormat | str
    priority: Priority | str
    cache: str
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
