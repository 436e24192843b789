"""Encodes a rendering as the bytes of one store entry, and decodes it, with a checksum that detects every change.

An entry is a line with the SHA-256 of the rest, followed by a `StoredRendering` (stored.proto). It holds the picture as
the float32 numbers that were computed, so that encoding it in any format gives the same bytes as the first time.
"""

from __future__ import annotations

import hashlib

import numpy as np
from google.protobuf.message import DecodeError
from reverie_ascent.maker import Maker
from reverie_proto.v1 import spec_pb2, stored_pb2

from reverie_server.request.events import BarePicture, Rendering
from reverie_server.request.images import Picture

MAGIC = b"reverie-result 1 "


class Corrupt(Exception):
    """The bytes are not the expected entry; the message names the first difference."""


def encode(rendering: Rendering, maker: Maker) -> bytes:
    """Return the bytes of an entry, without frames."""
    stored = stored_pb2.StoredRendering(
        rendering=rendering.message(spec_pb2.IMAGE_FORMAT_RAW),
        engine_version=maker.engine_version,
        device_class=maker.device_class,
        onnxruntime_version=maker.onnxruntime_version,
    )
    body = stored.SerializeToString()
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes, digest: str, maker: Maker) -> Rendering:
    """Return the rendering of an entry; raise Corrupt if it is damaged or has another digest or maker."""
    head, _, body = data.partition(b"\n")
    if not head.startswith(MAGIC):
        raise Corrupt("it does not begin as an entry does")
    if hashlib.sha256(body).hexdigest().encode() != head.removeprefix(MAGIC):
        raise Corrupt("its contents do not have the SHA-256 that it states")
    try:
        stored = stored_pb2.StoredRendering.FromString(body)
    except DecodeError as error:
        raise Corrupt("its contents are not a rendering") from error
    rendering, image = stored.rendering, stored.rendering.image
    if rendering.spec_digest != digest:
        raise Corrupt(f"it holds the picture {rendering.spec_digest}")
    if rendering.maker != maker.name:
        raise Corrupt(f"it was made by {rendering.maker or 'an older version'}, not by {maker.name}")
    first, *others = map(_picture, rendering.images or [image])
    return Rendering(
        array=first,
        alpha=image.alpha,
        others=tuple(BarePicture(each, alpha=image.alpha) for each in others),
        importance=BarePicture(_picture(rendering.importance), alpha=True)
        if rendering.HasField("importance")
        else None,
        robustness=rendering.robustness if rendering.HasField("robustness") else None,
        seed=rendering.seed,
        outcome=spec_pb2.Outcome.Name(rendering.outcome).removeprefix("OUTCOME_").lower(),
        outcome_detail=rendering.outcome_detail,
        activation=rendering.activation,
        history=np.asarray(rendering.history, np.float32),
        steps=rendering.steps,
        spec=rendering.effective_spec,
        spec_digest=rendering.spec_digest,
        maker=rendering.maker,
        frames=(),
        elapsed_s=rendering.elapsed_s,
        cached=True,
    )


def _picture(image: spec_pb2.Image) -> Picture:
    """Return the numbers of a raw picture [height, width, channels]; raise Corrupt if they are not whole channels."""
    plane_bytes = 4 * image.width_px * image.height_px
    if not image.data or not plane_bytes or len(image.data) % plane_bytes:
        raise Corrupt(f"it has {len(image.data)} bytes for {image.width_px} x {image.height_px} pixels")
    planes = np.frombuffer(image.data, "<f4").reshape(-1, image.height_px, image.width_px)
    return np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
