"""Feature visualization on ONNX Runtime, in this process or behind gRPC; see `Engine` and `add_to_server`."""

from reverie_server.engine import Engine
from reverie_server.errors import (
    Draining,
    Fault,
    Interrupted,
    InvalidRequest,
    JobsOff,
    JobsUnreachable,
    NoSuchJob,
    NotServed,
    NotStored,
    QueueFull,
    TooLate,
    TooManyJobs,
    Violation,
)
from reverie_server.limits import Limits
from reverie_server.request.events import Accepted, Event, Frame, Progress, Rendering
from reverie_server.rpc.mount import Mount, add_to_server

__all__ = [
    "Accepted",
    "Draining",
    "Engine",
    "Event",
    "Fault",
    "Frame",
    "Interrupted",
    "InvalidRequest",
    "JobsOff",
    "JobsUnreachable",
    "Limits",
    "Mount",
    "NoSuchJob",
    "NotServed",
    "NotStored",
    "Progress",
    "QueueFull",
    "Rendering",
    "TooLate",
    "TooManyJobs",
    "Violation",
    "add_to_server",
]
