"""Turns the outcomes of the ascent into the events that a render's subscribers receive."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from reverie_ascent import Reached, Result

from reverie_server.errors import Interrupted
from reverie_server.request import images
from reverie_server.request.events import Accepted, BarePicture, Frame, Progress, Rendering
from reverie_server.request.render_request import RenderRequest
from reverie_server.scheduler.queue_position import Moved
from reverie_server.scheduler.render import Render

log = logging.getLogger(__name__)


def accepted(render: Render) -> Accepted:
    """Return the event which reports that a render is in the queue."""
    request = render.request
    return Accepted(request.effective, request.digest, request.estimated_s, render.position)


def post_positions(moved: Iterable[Moved]) -> None:
    """Report to renders that have not begun how many are before them now."""
    for render, position, remaining_s in moved:
        steps = render.request.recipe.all_steps
        render.post(Progress(0, steps, 0.0, 0.0, remaining_s, queue_position=position))


def post_step(render: Render, reached: Reached, *, elapsed_s: float) -> None:
    """Report a render's step, with its frame if one is due."""
    frame = None
    if reached.image is not None:
        shown = images.shrink(picture(reached.image), render.request.frame_size_px)
        frame = Frame(reached.step, shown, alpha=render.request.recipe.alpha)
    steps = render.request.recipe.all_steps
    render.post(Progress(reached.step, steps, reached.objective, elapsed_s, render.remaining_s, frame))


def rendering(render: Render, result: Result, *, elapsed_s: float) -> Rendering:
    """Return the event which reports that a render is done."""
    request = render.request
    return Rendering(
        array=picture(result.image),
        alpha=request.recipe.alpha,
        outcome=result.outcome.name.lower(),
        outcome_detail=result.detail,
        activation=result.activation,
        history=result.history,
        steps=result.steps,
        spec=request.effective,
        spec_digest=request.digest,
        maker=request.maker,
        frames=(),
        elapsed_s=elapsed_s,
        device_s=render.used_s,
        others=tuple(BarePicture(picture(each), alpha=request.recipe.alpha) for each in result.images[1:]),
        importance=None
        if result.importance is None
        else BarePicture(images.with_importance(picture(result.image), picture(result.importance[0])), alpha=True),
        robustness=result.robustness,
        seed=result.seed,
    )


def log_end(request: RenderRequest, end: Rendering | BaseException) -> str:
    """Log how a render has ended, and return its outcome as one word."""
    match end:
        case Rendering():
            outcome, sentence = end.outcome, f"{end.outcome} in {end.elapsed_s:.2f} s"
        case Interrupted():
            outcome, sentence = "stopped", "stopped before its end"
        case _:
            outcome = sentence = "failed"
    described = f"{request.described}, {request.recipe.all_steps} steps, digest {request.digest[:12]}"
    log.info("%s: %s", sentence, described, extra={"request_id": request.call})
    return outcome


def picture(image: npt.NDArray[np.float32]) -> images.Picture:
    """Return the ascent's [channels, height, width] as [height, width, channels]."""
    return np.ascontiguousarray(image.transpose(1, 2, 0))
