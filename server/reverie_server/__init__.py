"""Feature visualization on ONNX Runtime, in this process or behind gRPC; see `Engine` and `add_to_server`."""

from reverie_server.embed import Mount, add_to_server
from reverie_server.engine import Engine
from reverie_server.events import Accepted, Event, Frame, Progress, Rendering
from reverie_server.faults import (
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
