"""Feature visualization on ONNX Runtime, in this process or behind gRPC; see `Engine` and `add_to_server`."""

from typing import TYPE_CHECKING

from reverie_ascent.lazy import public

if TYPE_CHECKING:
    from reverie_ascent.runtime import SharedThreads

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
    "SharedThreads",
    "TooLate",
    "TooManyJobs",
    "Violation",
    "add_to_server",
]

__getattr__, __dir__ = public(
    __name__,
    {
        "Accepted": "reverie_server.request.events",
        "Draining": "reverie_server.errors",
        "Engine": "reverie_server.engine",
        "Event": "reverie_server.request.events",
        "Fault": "reverie_server.errors",
        "Frame": "reverie_server.request.events",
        "Interrupted": "reverie_server.errors",
        "InvalidRequest": "reverie_server.errors",
        "JobsOff": "reverie_server.errors",
        "JobsUnreachable": "reverie_server.errors",
        "Limits": "reverie_server.limits",
        "Mount": "reverie_server.rpc.mount",
        "NoSuchJob": "reverie_server.errors",
        "NotServed": "reverie_server.errors",
        "NotStored": "reverie_server.errors",
        "Progress": "reverie_server.request.events",
        "QueueFull": "reverie_server.errors",
        "Rendering": "reverie_server.request.events",
        "SharedThreads": "reverie_ascent.runtime",
        "TooLate": "reverie_server.errors",
        "TooManyJobs": "reverie_server.errors",
        "Violation": "reverie_server.errors",
        "add_to_server": "reverie_server.rpc.mount",
    },
)
