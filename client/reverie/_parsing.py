"""Converts protobuf messages to the values of this package."""

from __future__ import annotations

import numpy as np
from google.protobuf.message import Message
from reverie_proto.sizes import Size, from_message
from reverie_proto.v1 import catalog_pb2, spec_pb2, visualization_pb2

from reverie import spec
from reverie.catalog import Layer, Limits, Model, Preset, ServerInfo, TransformSet
from reverie.errors import InternalError
from reverie.pictures import Accepted, Event, Frame, ImageFormat, Outcome, Picture, Progress, Rendering

FORMATS = {spec_pb2.ImageFormat.Value(f"IMAGE_FORMAT_{known.name}"): known for known in ImageFormat}
OUTCOMES = {
    spec_pb2.Outcome.Value(f"OUTCOME_{outcome.name}"): outcome for outcome in Outcome if outcome is not Outcome.UNKNOWN
}


def server_info(message: catalog_pb2.ServerInfo) -> ServerInfo:
    """Convert a server's version, device, presets and limits."""
    limits = message.limits
    return ServerInfo(
        version=message.version,
        onnxruntime_version=message.onnxruntime_version,
        providers=tuple(message.providers),
        device_class=message.device_class,
        maker=message.maker,
        presets=tuple(map(_preset, message.presets)),
        transform_sets=tuple(
            TransformSet(each.name, each.description, spec.transforms_of(each.steps)) for each in message.transform_sets
        ),
        limits=Limits(
            min_size_px=limits.min_size_px,
            max_size_px=limits.max_size_px,
            max_steps=limits.max_steps,
            max_frames=limits.max_frames,
            max_terms=limits.max_terms,
            max_response_bytes=limits.max_response_bytes,
            max_pixel_steps=limits.max_pixel_steps,
            max_batch=limits.max_batch,
            max_waiting_renders=limits.max_waiting_renders,
            program_memory_mb=limits.program_memory_mb,
            max_job_items=limits.max_job_items,
            max_open_jobs=limits.max_open_jobs,
            max_ended_jobs=limits.max_ended_jobs,
            max_views=limits.max_views,
            max_pictures=limits.max_pictures,
            max_network_pictures=limits.max_network_pictures,
            max_best_of=limits.max_best_of,
            max_transforms=limits.max_transforms,
            max_penalties=limits.max_penalties,
            max_numbers=limits.max_numbers,
        ),
    )


def _preset(message: catalog_pb2.Preset) -> Preset:
    return Preset(message.name, message.description, message.steps, spec.options_of(message.spec))


def model(message: catalog_pb2.Model) -> Model:
    """Convert one model."""
    return Model(
        name=message.name,
        digest=message.digest,
        description=message.description,
        layer_count=message.layer_count,
        labels=tuple(message.labels),
        native_size=_size(message, "native_size"),
        problem=message.problem,
    )


def layer(message: catalog_pb2.Layer) -> Layer:
    """Convert one layer of a model."""
    return Layer(
        name=message.name,
        aliases=tuple(message.aliases),
        operator=message.operator,
        channels=message.channels,
        spatial=message.spatial,
        stride=_size(message, "stride"),
        receptive_field=from_message(message.receptive_field),
        min_size=from_message(message.min_size),
        size_multiple=from_message(message.size_multiple),
        fixed_size=_size(message, "fixed_size"),
        recommended=message.recommended,
        kind=message.kind,
    )


def _size(message: Message, field: str) -> Size | None:
    """Return the height and width in a field, or None if it is absent."""
    return from_message(getattr(message, field)) if message.HasField(field) else None


def rendering(message: spec_pb2.Rendering) -> Rendering:
    """Convert a finished picture."""
    history = np.asarray(message.history, np.float32)
    history.setflags(write=False)
    return Rendering(
        data=message.image.data,
        format=_format(message.image),
        width=message.image.width_px,
        height=message.image.height_px,
        alpha=message.image.alpha,
        outcome=OUTCOMES.get(message.outcome, Outcome.UNKNOWN),
        outcome_detail=message.outcome_detail,
        activation=message.activation,
        history=history,
        steps=message.steps,
        spec=spec.from_message(message.effective_spec),
        spec_digest=message.spec_digest,
        maker=message.maker,
        frames=tuple(frame(each) for each in message.frames),
        others=tuple(map(_picture, message.images[1:])),
        importance=_picture(message.importance) if message.HasField("importance") else None,
        robustness=message.robustness if message.HasField("robustness") else None,
        seed=message.seed,
        elapsed_s=message.elapsed_s,
        cached=message.cached,
    )


def _picture(image: spec_pb2.Image) -> Picture:
    return Picture(
        data=image.data, format=_format(image), width=image.width_px, height=image.height_px, alpha=image.alpha
    )


def frame(message: spec_pb2.Frame) -> Frame:
    """Convert an intermediate picture."""
    image = message.image
    return Frame(
        data=image.data,
        format=_format(image),
        width=image.width_px,
        height=image.height_px,
        alpha=image.alpha,
        step=message.step,
    )


def event(message: visualization_pb2.StreamRenderResponse) -> Event | None:
    """Convert one event of a stream; return None for a kind that this version does not know and can ignore."""
    match message.WhichOneof("event"):
        case "accepted":
            accepted = message.accepted
            return Accepted(
                spec=spec.from_message(accepted.effective_spec),
                spec_digest=accepted.spec_digest,
                estimated_s=accepted.estimated_s if accepted.HasField("estimated_s") else None,
                queue_position=accepted.queue_position,
                cached=accepted.cached,
            )
        case "progress":
            progress = message.progress
            return Progress(
                step=progress.step,
                steps=progress.steps,
                objective=progress.objective,
                elapsed_s=progress.elapsed_s,
                estimated_remaining_s=progress.estimated_remaining_s,
                frame=frame(progress.frame) if progress.HasField("frame") else None,
                queue_position=progress.queue_position,
            )
        case "result":
            return rendering(message.result)
    return None


def _format(image: spec_pb2.Image) -> ImageFormat:
    if image.format not in FORMATS:
        raise InternalError(f"The server sent a picture in format {image.format}, which this client does not know.")
    return FORMATS[image.format]
