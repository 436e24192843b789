"""The events of a render, in their order: one Accepted, any number of Progress, one Rendering."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.json_format import MessageToJson
from PIL import Image
from reverie_proto.files import write_atomically
from reverie_proto.short_repr import ShortRepr
from reverie_proto.v1 import spec_pb2

from reverie_server.request import images
from reverie_server.request.images import Picture, Texts


class _WithSpec:
    """Lets events with a spec be pickled and copied: pickle does not find the class of the spec by its name."""

    def __getstate__(self) -> dict[str, Any]:
        state = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {**state, "spec": state["spec"].SerializeToString()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, spec=spec_pb2.RenderSpec.FromString(state["spec"]))


@dataclass(frozen=True, repr=False)
class Accepted(_WithSpec, ShortRepr):
    """The request is valid and queued; `spec` is what will be rendered, with every default filled in.

    `estimated_s` is the expected time of the render once the device is free for it and its program is loaded; None if
    that is unknown. `queue_position` counts the renders that use the device before it begins. `cached` is whether the
    picture is in the store already.
    """

    spec: spec_pb2.RenderSpec
    spec_digest: str
    estimated_s: float | None = None
    queue_position: int = 0
    cached: bool = False


class Pictured(ShortRepr):
    """What has a picture: `array`, float32 [height, width, 3], RGB in [0, 1]. The client's pictures have its names.

    With `alpha` there is a fourth channel, its opacity.
    """

    array: Picture
    alpha: bool

    @property
    def height(self) -> int:
        """The number of rows."""
        return int(self.array.shape[0])

    @property
    def width(self) -> int:
        """The number of columns."""
        return int(self.array.shape[1])

    @cached_property
    def image(self) -> Image.Image:
        """The picture with eight bits per channel, of mode RGB, or RGBA with `alpha`."""
        return images.to_pil(self.array, alpha=self.alpha).convert("RGBA" if self.alpha else "RGB")

    @property
    def format(self) -> str:
        """The format of `data`, "png"."""
        return "png"

    @property
    def data(self) -> bytes:
        """The picture encoded in `format`."""
        return self.encoded(self.format)

    def encoded(self, as_format: str = "png") -> bytes:
        """Return the bytes that the service sends in a format: "png", "webp", "jpeg" or "raw".

        With `alpha` a PNG is made in place of a JPEG, which has no opacity.
        """
        return self._message(images.format_named(as_format)).data

    def save(self, path: str | Path) -> Path:
        """Write the picture atomically to a .png, .webp or .jpg file, and return the path.

        Raises ValueError for any other suffix, and for .jpg with `alpha`.
        """
        wanted = images.format_of(Path(path).suffix)
        if self.alpha and wanted == spec_pb2.IMAGE_FORMAT_JPEG:
            raise ValueError(f"{path}: a JPEG has no opacity; write a .png or .webp")
        return write_atomically(path, self._message(wanted).data)

    def _message(self, format: spec_pb2.ImageFormat) -> spec_pb2.Image:  # noqa: A002 - the wire's word
        return images.message(self.array, format, texts=self._texts(), alpha=self.alpha)

    def _texts(self) -> Texts:
        """Return the texts of a PNG file."""
        return {}

    def _repr_png_(self) -> bytes:
        return self.encoded()


@dataclass(frozen=True, repr=False)
class Frame(Pictured):
    """An intermediate picture after `step` steps: 0 is the first noise."""

    step: int
    array: Picture
    alpha: bool = False


@dataclass(frozen=True, repr=False)
class BarePicture(Pictured):
    """A picture of which nothing else is known: one of a group, or the importance of another."""

    array: Picture
    alpha: bool = False


@dataclass(frozen=True, repr=False)
class Progress(ShortRepr):
    """The progress of a render: `step` of `steps` are made.

    `objective` is the objective's value at that step, computed through that step's transforms. A waiting render sends
    one event with 0 steps when its position in the queue has changed. The estimated remaining time includes the wait;
    it is 0 if it is unknown.
    """

    step: int
    steps: int
    objective: float
    elapsed_s: float
    estimated_remaining_s: float
    frame: Frame | None = None
    queue_position: int = 0


@dataclass(frozen=True, repr=False)
class Rendering(_WithSpec, Pictured):
    """A finished picture and how it was made."""

    array: Picture
    #: "converged", "reached", "dead_unit" or "non_finite", and a sentence about it.
    outcome: str
    outcome_detail: str
    #: The objective on the picture itself, without transforms.
    activation: float
    #: float32 [steps]: the objective at every step, before that step's update, through that step's transforms.
    history: npt.NDArray[np.float32]
    steps: int
    #: The spec with every default filled in and the model pinned by digest: the same spec gives the same picture.
    spec: spec_pb2.RenderSpec
    spec_digest: str
    #: The name of the maker, all that decides the bytes besides the spec: equal digests and makers mean equal bytes.
    maker: str
    frames: tuple[Frame, ...]
    #: Wall time, in seconds, of the render that made the picture.
    elapsed_s: float
    #: Seconds of the device that its client was charged for that render; 0 if the picture was in the store.
    device_s: float = 0.0
    #: Whether the picture was in the store already, so that nothing was rendered.
    cached: bool = False
    #: The other pictures of a group, of which this one is the first.
    others: tuple[Pictured, ...] = ()
    #: The picture, opaque where its pixels mattered most.
    importance: Pictured | None = None
    #: The activation under 64 fixed draws of the transforms, divided by `activation`.
    robustness: float | None = None
    #: The seed of the picture: that of the spec, or the best one of `best_of`.
    seed: int = 0
    alpha: bool = False

    @property
    def images(self) -> tuple[Pictured, ...]:
        """The pictures of the group: this one and the others."""
        return self, *self.others

    def _texts(self) -> Texts:
        text = MessageToJson(self.spec, preserving_proto_field_name=True, indent=None)
        return {"reverie": text, "reverie-digest": self.spec_digest, "reverie-maker": self.maker}

    def message(self, format: spec_pb2.ImageFormat) -> spec_pb2.Rendering:  # noqa: A002
        """Return the rendering as a wire message, without its frames."""
        return spec_pb2.Rendering(
            image=self._message(format),
            outcome=f"OUTCOME_{self.outcome}".upper(),
            outcome_detail=self.outcome_detail,
            activation=self.activation,
            history=self.history,
            steps=self.steps,
            effective_spec=self.spec,
            spec_digest=self.spec_digest,
            maker=self.maker,
            elapsed_s=self.elapsed_s,
            cached=self.cached,
            images=[self._message(format), *(each._message(format) for each in self.others)] if self.others else [],
            importance=None if self.importance is None else self.importance._message(format),
            robustness=self.robustness,
            seed=self.seed,
        )


def size_of(rendering: Rendering) -> int:
    """Return the bytes of all pictures of a rendering."""
    parts = (*rendering.images, rendering.importance)
    return sum(part.array.nbytes for part in parts if part is not None)


#: Any event of a render.
Event = Accepted | Progress | Rendering
