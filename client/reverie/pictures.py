"""Rendered pictures, frames and progress events, as frozen dataclasses."""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from reverie_proto.files import write_atomically
from reverie_proto.scalars import shown
from reverie_proto.short_repr import ShortRepr

from reverie.errors import UsageError
from reverie.spec import DIGEST_KEY, MAKER_KEY, PNG_KEY, Spec

if TYPE_CHECKING:
    from PIL import Image


class ImageFormat(enum.StrEnum):
    """How a picture's bytes are encoded."""

    PNG = "png"  # lossless, with the spec as text
    WEBP = "webp"  # lossless
    JPEG = "jpeg"  # quality 95
    RAW = "raw"  # little-endian float32 in [0, 1], row-major [3, height, width], RGB


SUFFIXES = {".png": ImageFormat.PNG, ".webp": ImageFormat.WEBP, ".jpg": ImageFormat.JPEG, ".jpeg": ImageFormat.JPEG}

# As the server encodes them.
WRITER_OPTIONS: dict[ImageFormat, dict[str, Any]] = {
    ImageFormat.WEBP: {"lossless": True},
    ImageFormat.JPEG: {"quality": 95, "subsampling": 0},
}


class Outcome(enum.StrEnum):
    """How a render ended."""

    UNKNOWN = "unspecified"  # an outcome of a newer server
    CONVERGED = "converged"  # all steps were made and the unit responds
    DEAD_UNIT = "dead_unit"  # no gradient ever reached the picture
    REACHED = "reached"  # the activation reached `stop_at`
    NON_FINITE = "non_finite"  # a number overflowed; the last finite picture is returned


@dataclass(frozen=True, eq=False, repr=False)
class Picture(ShortRepr):
    """An RGB picture: ``data`` holds its bytes in ``format``, which are decoded on first use.

    With ``alpha`` it has a fourth channel, its opacity.
    """

    data: bytes = field(repr=False)
    format: ImageFormat
    width: int
    height: int
    alpha: bool = field(default=False, kw_only=True)

    @cached_property
    def image(self) -> Image.Image:
        """The picture as a Pillow image of mode RGB, or RGBA with ``alpha``."""
        from PIL import Image  # slow to import, and scripts without pictures do not need it

        if self.format is ImageFormat.RAW:
            pixels = np.rint(self.array * 255).astype(np.uint8)
            if not self.alpha:
                return Image.fromarray(_as_rgb(pixels))
            return Image.fromarray(np.concatenate([_as_rgb(pixels[..., :-1]), pixels[..., -1:]], axis=2))
        with Image.open(io.BytesIO(self.data)) as image:
            return image.convert("RGBA" if self.alpha else "RGB")

    @cached_property
    def array(self) -> NDArray[np.float32]:
        """The picture as float32 [height, width, channels] in [0, 1], read-only.

        It has three channels, and a fourth with ``alpha``, except for raw data of a network whose input has another
        number of channels.
        """
        if self.format is ImageFormat.RAW:
            planes = np.frombuffer(self.data, "<f4").reshape(-1, self.height, self.width)
            pixels = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
        else:
            pixels = np.asarray(self.image, np.float32) / np.float32(255)
        pixels.setflags(write=False)
        return pixels

    def encoded(self, as_format: ImageFormat | str = ImageFormat.PNG) -> bytes:
        """Return the picture's bytes in a format; unchanged if the picture already has that format."""
        if not isinstance(as_format, str) or str(as_format) not in list(ImageFormat):
            raise UsageError(f"{shown(as_format)} is not an image format; use one of {', '.join(ImageFormat)}.")
        wanted = ImageFormat(as_format)
        if wanted is self.format:
            return self.data
        if wanted is ImageFormat.JPEG and self.alpha:
            raise UsageError("A JPEG has no opacity; use png or webp.")
        if wanted is ImageFormat.RAW:
            return np.ascontiguousarray(self.array.transpose(2, 0, 1), "<f4").tobytes()
        buffer = io.BytesIO()
        self.image.save(buffer, wanted.name, **self._writer_options(wanted))
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture atomically to a .png, .webp or .jpg file, and return the path."""
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            raise UsageError(f"{path} does not end in one of {', '.join(SUFFIXES)}.")
        return write_atomically(path, self.encoded(SUFFIXES[suffix]))

    def _writer_options(self, wanted: ImageFormat) -> dict[str, Any]:
        return WRITER_OPTIONS.get(wanted, {})

    def _repr_png_(self) -> bytes:
        return self.encoded(ImageFormat.PNG)


def _as_rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    """Convert any number of channels to RGB: one becomes grey, two get a black third, of more the first three count."""
    channels = pixels.shape[2]
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.pad(pixels, ((0, 0), (0, 0), (0, 1))) if channels == 2 else pixels[..., :3]


@dataclass(frozen=True, eq=False, repr=False)
class Frame(Picture):
    """An intermediate picture after ``step`` steps; step 0 is the initial noise."""

    step: int


@dataclass(frozen=True, eq=False, repr=False)
class Rendering(Picture):
    """A finished picture and how it was made."""

    outcome: Outcome
    outcome_detail: str  # one sentence for people
    activation: float  # the objective on the picture itself, without transforms
    history: NDArray[np.float32] = field(repr=False)  # [steps]: the objective before each step, through its transforms
    steps: int
    spec: Spec
    spec_digest: str  # equal digests and equal makers mean equal pictures, to the last bit
    frames: tuple[Frame, ...] = field(repr=False)
    elapsed_s: float  # of the render that made the picture
    cached: bool = False  # the picture was in the server's store: nothing was rendered for this request
    maker: str = ""  # the maker of the picture, as in ServerInfo.maker
    others: tuple[Picture, ...] = field(default=(), repr=False)  # of a group, whose first picture this is
    importance: Picture | None = field(default=None, repr=False)  # opaque where the pixels mattered most
    robustness: float | None = None  # the activation under 64 draws of the transforms, over `activation`
    seed: int = 0  # the spec's, or with best_of that of the best picture

    @property
    def images(self) -> tuple[Picture, ...]:
        """The pictures of the group: this one and the others."""
        return self, *self.others

    def _writer_options(self, wanted: ImageFormat) -> dict[str, Any]:
        if wanted is not ImageFormat.PNG:
            return super()._writer_options(wanted)
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_text(PNG_KEY, self.spec.to_json())
        text.add_text(DIGEST_KEY, self.spec_digest)
        text.add_text(MAKER_KEY, self.maker)
        return {"pnginfo": text}


@dataclass(frozen=True, repr=False)
class Accepted(ShortRepr):
    """The first event of a stream: the request is valid, and this is what will be rendered.

    ``estimated_s`` is the expected duration of the render once the device is free for it; None if the server does not
    know. ``queue_position`` is the number of renders that use the device before it begins; 0 if it begins at once.
    ``cached`` is True if the picture is already in the store and nothing is rendered.
    """

    spec: Spec
    spec_digest: str
    estimated_s: float | None = None
    queue_position: int = 0
    cached: bool = False


@dataclass(frozen=True, repr=False)
class Progress(ShortRepr):
    """An event during a render: ``step`` of ``steps`` are done. ``frame`` is set if it was requested for this step.

    While a render waits, an event follows each change of its ``queue_position``, the number of renders that
    use the device before it begins.
    """

    step: int
    steps: int
    objective: float
    elapsed_s: float
    estimated_remaining_s: float
    frame: Frame | None = None
    queue_position: int = 0


# A stream consists of one Accepted, any number of Progress, and one Rendering.
Event = Accepted | Progress | Rendering
