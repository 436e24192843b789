"""Encodes pictures as PNG, WebP, JPEG or raw float32 numbers.

A picture is float32 [height, width, channels] in [0, 1]: RGB, or the channels that another network takes. One channel
is shown as grey; of more than three channels the first three are shown as red, green and blue; two are shown as red and
green. Values are rounded to the nearest of 256 levels. (Lucid truncates, which makes a picture half a level too dark on
average.)
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin
from reverie_proto.options import choices
from reverie_proto.sizes import Size
from reverie_proto.v1 import spec_pb2

from reverie_server.errors import shown

Picture = npt.NDArray[np.float32]
RGB = 3  # the default number of channels
BLOCK = 8  # the side of the blocks that JPEG encodes

Texts = Mapping[str, str]


def encode(
    picture: Picture,
    format: spec_pb2.ImageFormat,  # noqa: A002 - the wire's word
    *,
    texts: Texts = MappingProxyType({}),
    alpha: bool = False,
) -> bytes:
    """Return the picture encoded in one of the wire's formats; `texts` go into a PNG, other formats ignore them.

    With `alpha` the last channel is opacity.
    """
    return ENCODERS[format](picture, texts, alpha)


def message(
    picture: Picture,
    format: spec_pb2.ImageFormat,  # noqa: A002
    *,
    texts: Texts = MappingProxyType({}),
    alpha: bool = False,
) -> spec_pb2.Image:
    """Return the encoded picture as a wire message; one with opacity as PNG if a JPEG is wanted, which has none."""
    height, width, _ = picture.shape
    if alpha and format == spec_pb2.IMAGE_FORMAT_JPEG:
        format = spec_pb2.IMAGE_FORMAT_PNG  # noqa: A001
    data = encode(picture, format, texts=texts, alpha=alpha)
    return spec_pb2.Image(format=format, width_px=width, height_px=height, data=data, alpha=alpha)


def with_importance(picture: Picture, importance: Picture) -> Picture:
    """Return a picture [height, width, channels] as red, green, blue and opacity, by the importance of its numbers.

    The opacity of a pixel is the mean importance of its channels, clipped at the 80th percentile of all pixels, as a
    share of that (Fel et al. 2023).
    """
    shown = visible(picture)
    colours = np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown
    mean = importance.mean(axis=2)
    most = np.percentile(mean, 80)
    opacity = np.clip(mean / most, 0, 1) if most > 0 else np.ones_like(mean)
    return np.concatenate([colours, opacity[..., None]], axis=2).astype(np.float32)


def to_pil(picture: Picture, *, alpha: bool = False) -> Image.Image:
    """Return the picture with eight bits per channel: mode L for one channel, RGB for more, RGBA with `alpha`."""
    if not alpha:
        return Image.fromarray(_eight_bits(visible(picture)))
    made = to_pil(picture[..., :-1]).convert("RGB")
    made.putalpha(Image.fromarray(_eight_bits(picture[..., -1])))
    return made


def _eight_bits(numbers: Picture) -> npt.NDArray[np.uint8]:
    levels: npt.NDArray[np.uint8] = np.floor(np.clip(numbers, 0, 1) * 255 + 0.5).astype(np.uint8)
    return levels


def visible(picture: Picture) -> Picture:
    """Return the visible channels of a picture: [height, width] if it has one channel, else [height, width, 3]."""
    channels = picture.shape[2]
    if channels == 1:
        return picture[..., 0]
    return np.pad(picture, ((0, 0), (0, 0), (0, 1))) if channels == 2 else picture[..., :3]


def shrink(picture: Picture, max_size_px: int) -> Picture:
    """Return the picture scaled down, by averaging, so that neither side exceeds `max_size_px`; never scaled up."""
    height, width = shrunk(picture.shape[:2], max_size_px)
    if (height, width) == picture.shape[:2]:
        return picture
    channels = [Image.fromarray(np.ascontiguousarray(picture[..., c])) for c in range(picture.shape[2])]
    scaled = [np.asarray(channel.resize((width, height), Image.Resampling.BOX), np.float32) for channel in channels]
    return np.stack(scaled, axis=-1)


def shrunk(size: Size, max_size_px: int) -> Size:
    """Return the height and width to which `shrink` scales a picture of a size."""
    scale = max_size_px / max(size)
    if scale >= 1:
        return size
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def _png(picture: Picture, texts: Texts, alpha: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    # In a filtered row only runs repeat. Searching only for runs takes between a half and a tenth of the time, and the
    # file is not larger.
    return _pil_bytes(to_pil(picture, alpha=alpha), "PNG", pnginfo=info, compress_type=zlib.Z_RLE)


def _webp(picture: Picture, texts: Texts, alpha: bool) -> bytes:
    return _pil_bytes(to_pil(picture, alpha=alpha), "WEBP", lossless=True, exact=True)


def _jpeg(picture: Picture, texts: Texts, alpha: bool) -> bytes:
    assert not alpha, "a JPEG has no opacity"
    return _pil_bytes(to_pil(picture), "JPEG", quality=95, subsampling=0)


def _raw(picture: Picture, texts: Texts, alpha: bool) -> bytes:
    return picture.transpose(2, 0, 1).astype("<f4").tobytes()


def _pil_bytes(image: Image.Image, name: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


ENCODERS: dict[spec_pb2.ImageFormat, Callable[[Picture, Texts, bool], bytes]] = {
    spec_pb2.IMAGE_FORMAT_PNG: _png,
    spec_pb2.IMAGE_FORMAT_WEBP: _webp,
    spec_pb2.IMAGE_FORMAT_JPEG: _jpeg,
    spec_pb2.IMAGE_FORMAT_RAW: _raw,
}


def format_named(name: str) -> spec_pb2.ImageFormat:
    """Return the format of a name such as "png"; raise ValueError with the known names for any other."""
    known = choices(spec_pb2.ImageFormat.DESCRIPTOR)
    if not isinstance(name, str) or str(name) not in known:
        raise ValueError(f"{shown(name)} is not an image format; use one of {', '.join(known)}")
    return known[str(name)]  # type: ignore[return-value]  # the stubs know an enum's numbers by its own type


def format_of(suffix: str) -> spec_pb2.ImageFormat:
    """Return the format of a file's suffix; raise ValueError with the known suffixes for any other."""
    if (known := SUFFIXES.get(suffix.lower())) is None:
        raise ValueError(f"no image format has the suffix {shown(suffix)}; use one of {', '.join(SUFFIXES)}")
    return known


SUFFIXES: dict[str, spec_pb2.ImageFormat] = {
    ".png": spec_pb2.IMAGE_FORMAT_PNG,
    ".webp": spec_pb2.IMAGE_FORMAT_WEBP,
    ".jpg": spec_pb2.IMAGE_FORMAT_JPEG,
    ".jpeg": spec_pb2.IMAGE_FORMAT_JPEG,
}


def largest_bytes(format: spec_pb2.ImageFormat, size: Size, channels: int) -> int:  # noqa: A002 - the wire's word
    """Return an upper bound of the bytes of a picture in a format.

    Noise does not compress: the lossless formats then need three bytes a pixel and a few per cent of overhead. JPEG
    encodes blocks of 8 x 8 pixels, of which a narrow picture fills a part only.
    """
    if format == spec_pb2.IMAGE_FORMAT_RAW:
        return 4 * channels * math.prod(size)
    height, width = (-(-side // BLOCK) * BLOCK for side in size)
    return int(height * width * 3.1) + 2048
