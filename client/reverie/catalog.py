"""What a server reports about itself, its models and their layers, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reverie_proto.short_repr import ShortRepr

from reverie.values import Transform


@dataclass(frozen=True, repr=False)
class Preset(ShortRepr):
    """A named set of defaults for the fields that a spec leaves out."""

    name: str
    description: str
    steps: int  # of gradient ascent, if a spec does not give them
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # all that it supplies, as options of a Spec


@dataclass(frozen=True, repr=False)
class TransformSet(ShortRepr):
    """A named list of transforms."""

    name: str
    description: str
    steps: tuple[Transform, ...]


@dataclass(frozen=True, repr=False)
class Limits(ShortRepr):
    """The requests that a server accepts. The fields with a default are 0 if the server is too old."""

    min_size_px: int  # of each side of a picture
    max_size_px: int
    max_steps: int
    max_frames: int
    max_terms: int
    max_response_bytes: int
    max_pixel_steps: int = 0  # pixels of a picture times its steps
    max_batch: int = 0  # renders of one program that run in one batch
    max_waiting_renders: int = 0
    program_memory_mb: int = 0  # memory that all loaded programs may use together
    max_job_items: int = 0  # 0 if the server does not support jobs
    max_open_jobs: int = 0
    max_ended_jobs: int = 0
    max_views: int = 0
    max_pictures: int = 0  # of a group
    max_network_pictures: int = 0  # views times pictures
    max_best_of: int = 0
    max_transforms: int = 0
    max_penalties: int = 0
    max_numbers: int = 0  # of all vectors, masks and activations of a spec


@dataclass(frozen=True, repr=False)
class ServerInfo(ShortRepr):
    """A server: its versions, the device it computes on, its presets and limits."""

    version: str
    onnxruntime_version: str
    providers: tuple[str, ...]  # ONNX Runtime's execution providers in use, best first
    device_class: str  # device and instruction set, such as "cpu-avx512"; for people, compare `maker` instead
    presets: tuple[Preset, ...]
    limits: Limits
    maker: str = ""  # identifies everything besides the spec that affects the pixels: equal makers, equal pictures
    transform_sets: tuple[TransformSet, ...] = ()


@dataclass(frozen=True, repr=False)
class Model(ShortRepr):
    """A model that the server offers."""

    name: str
    digest: str  # SHA-256 of its manifest, hex
    description: str
    layer_count: int
    labels: tuple[str, ...]  # classes, in the order of the last layer's channels; empty when unknown
    native_size: tuple[int, int] | None  # height and width that it was made for; None when unknown
    problem: str = ""  # why it cannot be rendered; empty unless its folder on the server is broken


@dataclass(frozen=True, repr=False)
class Layer(ShortRepr):
    """A layer of a model for which pictures can be rendered. Sizes are (height, width) in pixels of the picture."""

    name: str
    aliases: tuple[str, ...]
    operator: str  # of ONNX, such as "Conv"
    channels: int
    spatial: bool  # False for a plain vector, such as logits
    stride: tuple[int, int] | None  # between neighbouring positions; None when not spatial
    receptive_field: tuple[int, int]  # of what one position sees; a 0 stands for the whole height or width
    min_size: tuple[int, int]
    size_multiple: tuple[int, int]
    fixed_size: tuple[int, int] | None  # the only height and width; a 0 stands for a free one, None for two
    recommended: bool = False  # it usually gives good pictures: a convolution, a linear map or the end of a block
    kind: str = ""  # what it computes, such as "convolution" or "activation"; empty in models of older versions
