"""See what a neural network sees: the client of a Reverie server."""

from reverie._async_client import AsyncClient
from reverie._async_job import AsyncJob
from reverie._client import Client
from reverie._job import Job
from reverie._options import DeliveryOptions, JobOptions, Priority, RenderOptions, SpecOptions, StreamOptions
from reverie.catalog import Layer, Limits, Model, Preset, ServerInfo
from reverie.errors import (
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ReverieError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    UsageError,
    Violation,
)
from reverie.jobs import JobEvent, JobInfo, JobItem, JobLayer, JobState
from reverie.objectives import Objective, channel, direction, layer, logit, neuron
from reverie.pictures import Accepted, Event, Frame, ImageFormat, Outcome, Picture, Progress, Rendering
from reverie.spec import Spec

__all__ = [
    "Accepted",
    "AsyncClient",
    "AsyncJob",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "DeliveryOptions",
    "Event",
    "FailedPrecondition",
    "Frame",
    "ImageFormat",
    "InternalError",
    "InvalidRequest",
    "Job",
    "JobEvent",
    "JobInfo",
    "JobItem",
    "JobLayer",
    "JobOptions",
    "JobState",
    "Layer",
    "Limits",
    "Model",
    "NotFound",
    "Objective",
    "Outcome",
    "PermissionDenied",
    "Picture",
    "Preset",
    "Priority",
    "Progress",
    "RenderOptions",
    "Rendering",
    "ResourceExhausted",
    "ReverieError",
    "ServerInfo",
    "Spec",
    "SpecOptions",
    "StreamOptions",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UsageError",
    "Violation",
    "channel",
    "direction",
    "layer",
    "logit",
    "neuron",
]
