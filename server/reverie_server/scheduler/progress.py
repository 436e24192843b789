"""What a render tells of itself: from the ascent's words to events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from reverie_ascent import Reached, Result

from reverie_server.request import images
from reverie_server.request.events import Frame, Progress, Rendering
from reverie_server.request.render_request import Order


def progress(order: Order, said: Reached, *, elapsed_s: float, remaining_s: float) -> Progress:
    """Return what can be told of a step; who hears of it is the desk's to say."""
    frame = None
    if said.image is not None:
        frame = Frame(said.step, images.shrink(picture(said.image), order.frame_size_px))
    return Progress(
        step=said.step,
        steps=order.plan.recipe.steps,
        objective=said.objective,
        elapsed_s=elapsed_s,
        estimated_remaining_s=remaining_s,
        frame=frame,
    )


def waiting(order: Order, position: int, *, remaining_s: float) -> Progress:
    """Return what is told while nothing is made yet: how many are before it."""
    return Progress(
        step=0,
        steps=order.plan.recipe.steps,
        objective=0.0,
        elapsed_s=0.0,
        estimated_remaining_s=remaining_s,
        queue_position=position,
    )


def rendering(order: Order, result: Result, *, elapsed_s: float) -> Rendering:
    """Return the end."""
    return Rendering(
        array=picture(result.image),
        outcome=result.outcome.name.lower(),
        outcome_detail=result.detail,
        activation=result.activation,
        history=result.history,
        steps=result.steps,
        spec=order.plan.effective,
        spec_digest=order.plan.digest,
        maker=order.maker,
        frames=(),
        elapsed_s=elapsed_s,
    )


def picture(image: npt.NDArray[np.float32]) -> images.Picture:
    """Return the core's [channels, height, width] as [height, width, channels]."""
    return np.ascontiguousarray(image.transpose(1, 2, 0))
