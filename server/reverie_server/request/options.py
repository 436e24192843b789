"""The words of `Engine.render` and `Engine.stream`, and the request that they become: the same as the client's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from google.protobuf.message import Message
from reverie_proto.v1 import spec_pb2, visualization_pb2
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest

from reverie_server.errors import Violation, shown
from reverie_server.request.spec import PARAMETRIZATIONS, SCHEDULES, TRANSFORMS
from reverie_server.request.validation import unknown


class Words(TypedDict, total=False):
    """What can be said beside a model, a layer and a channel; whatever is left out has the default of the .proto file.

    =============== ====================================================================================
    objective       instead of layer and channel: an Objective message
    spec            instead of all that describes the picture: a RenderSpec message
    size            width and height, in pixels (224)
    steps           steps of gradient ascent (the preset's)
    seed            of the first noise and of every random transform (0)
    learning_rate   step size of Adam (the preset's)
    preset          name of a preset, which supplies whatever is left out ("reverie")
    parametrization "fourier" or "pixel" (the preset's)
    transforms      "none" or "lucid" (the preset's)
    schedule        of the step size: "constant" or "one_cycle" (the preset's)
    frames_every    make a frame at every n-th step
    frames_at       make frames after these numbers of steps; 0 is the first noise
    frame_size      scale frames down to this many pixels
    progress_every  steps between two events of progress (without it, ten events a second at most)
    priority        "interactive", or "batch": gives way to the others ("interactive")
    cache           of the store: "use", "bypass" (render in any case) or "only" (never render)
    =============== ====================================================================================
    """

    objective: spec_pb2.Objective
    spec: spec_pb2.RenderSpec
    size: int
    steps: int
    seed: int
    learning_rate: float
    preset: str
    parametrization: str
    transforms: str
    schedule: str
    frames_every: int
    frames_at: Sequence[int]
    frame_size: int
    progress_every: int
    priority: str
    cache: str


PRIORITIES: dict[str, int] = {
    "interactive": visualization_pb2.PRIORITY_INTERACTIVE,
    "batch": visualization_pb2.PRIORITY_BATCH,
}

CACHE_MODES: dict[str, int] = {
    "use": visualization_pb2.CACHE_MODE_USE,
    "bypass": visualization_pb2.CACHE_MODE_BYPASS,
    "only": visualization_pb2.CACHE_MODE_ONLY,
}

#: Words whose values are words.
CHOICES: dict[str, Mapping[Any, int]] = {
    "parametrization": PARAMETRIZATIONS,
    "transforms": TRANSFORMS,
    "schedule": SCHEDULES,
    "priority": PRIORITIES,
    "cache": CACHE_MODES,
}

#: Each word and the field that it sets, as a path from the request.
FIELDS = {
    "objective": "spec.objective",
    "spec": "spec",
    "size": "spec.size_px",
    "steps": "spec.steps",
    "seed": "spec.seed",
    "learning_rate": "spec.learning_rate",
    "preset": "spec.preset",
    "parametrization": "spec.parametrization",
    "transforms": "spec.transforms",
    "schedule": "spec.schedule",
    "frames_every": "frames.every_steps",
    "frames_at": "frames.steps",
    "frame_size": "frames.max_size_px",
    "progress_every": "progress_every_steps",
    "priority": "priority",
    "cache": "cache",
}


def request(
    model: str | None, layer: str | None, channel: int | str | None, words: Words | Mapping[str, Any]
) -> tuple[StreamRenderRequest, list[Violation]]:
    """Return the request, and what no request can hold; raise TypeError for a wrong call."""
    if unknown := words.keys() - FIELDS:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}; known are {', '.join(FIELDS)}")
    if (layer is None) != (channel is None) or (layer is None) == ("objective" not in words and "spec" not in words):
        raise TypeError("say what to render: a layer and a channel, or objective=, or spec=")
    made = StreamRenderRequest()
    named: dict[str, Any] = {"spec": words["spec"]} if "spec" in words else {}
    named |= words
    paths = [(FIELDS[word], value) for word, value in named.items()]
    if model is not None:
        paths.append(("spec.model", model))
    if isinstance(channel, str):
        paths += [("spec.objective.logit.layer", layer), ("spec.objective.logit.label", channel)]
    elif layer is not None:
        paths += [("spec.objective.channel.layer", layer), ("spec.objective.channel.channel", channel)]
    wrong = [violation for path, value in paths if (violation := _assign(made, path, value))]
    return made, wrong


def _assign(target: Message, path: str, value: Any) -> Violation | None:
    """Set a field; return what is wrong with the value when the field cannot hold it."""
    *parents, name = path.split(".")
    for parent in parents:
        target = getattr(target, parent)
    try:
        if isinstance(value, Message):
            getattr(target, name).CopyFrom(value)
        elif name in CHOICES:
            setattr(target, name, CHOICES[name][value])
        elif isinstance(value, Sequence) and not isinstance(value, str):
            getattr(target, name).extend(value)
        else:
            setattr(target, name, value)
    except KeyError:
        return Violation(path, unknown(name, str(value), CHOICES[name]))
    except (TypeError, ValueError) as error:
        return Violation(path, f"{shown(value)} cannot be sent: {error}")
    return None
