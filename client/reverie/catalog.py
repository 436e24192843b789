"""What a server offers: itself, its models and their layers, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A named set of choices for whatever a spec leaves out."""

    name: str
    description: str
    steps: int  # of gradient ascent, where a spec leaves them out


@dataclass(frozen=True)
class Limits:
    """The largest requests that a server takes. The last four are 0 where a server is too old to tell."""

    min_size_px: int
    max_size_px: int
    max_steps: int
    max_frames: int
    max_terms: int
    max_response_bytes: int
    max_pixel_steps: int = 0  # the pixels of a picture times its steps
    max_batch: int = 0  # renders of one program that share a step
    max_waiting_renders: int = 0
    program_memory_mb: int = 0  # what loaded programs may take together
    max_job_items: int = 0  # for a server that knows no jobs
    max_open_jobs: int = 0
    max_ended_jobs: int = 0


@dataclass(frozen=True)
class ServerInfo:
    """A server: its versions, the device it computes on, its presets and limits."""

    version: str
    onnxruntime_version: str
    providers: tuple[str, ...]  # ONNX Runtime's execution providers in use, best first
    device_class: str  # with its instruction set, such as "cpu-avx512"; for a person
    presets: tuple[Preset, ...]
    limits: Limits
    maker: str = ""  # the name of what makes pictures there: servers of one maker make equal ones


@dataclass(frozen=True)
class Model:
    """A served model."""

    name: str
    digest: str  # SHA-256 of its manifest, hex
    description: str
    layer_count: int
    labels: tuple[str, ...]  # classes, in the order of the last layer's channels; empty when unknown
    native_size_px: int  # the size it was trained at; 0 when unknown


@dataclass(frozen=True)
class Layer:
    """A layer that pictures can be made for."""

    name: str
    aliases: tuple[str, ...]
    operator: str  # of ONNX, such as "Conv"
    channels: int
    spatial: bool  # False for a plain vector, such as logits
    stride_px: int  # between neighbouring positions; 0 when not spatial
    receptive_field_px: int  # side of the square that one position sees; 0 when it sees the whole picture
    min_size_px: int
    size_multiple_px: int
