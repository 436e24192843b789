"""The protocol of each call without the transport, so that the blocking and the asyncio client share it.

An exchange is a generator that a client runs. It yields commands: for a :class:`Call` it is sent the response, or the
error is thrown into it; after a :class:`Pause` it is resumed later; an :class:`Emit` goes to the caller. It returns the
result.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from reverie_proto.options import write
from reverie_proto.v1 import visualization_pb2 as wire

from reverie import _parsing
from reverie._requests import NOT_SENT
from reverie.catalog import Layer, Model, ServerInfo
from reverie.errors import ResourceExhausted, Unavailable, refuse
from reverie.pictures import Rendering

T = TypeVar("T")

# A full server says when to try again. The error is raised if the wait is longer than this, or on the last attempt.
LONGEST_WAIT_S = 60.0
ATTEMPTS = 3
# Wait before a lost connection is tried again.
BROKEN_S = 0.5


@dataclass(frozen=True)
class Call:
    """A command to send a request: the name of the RPC, its request, and the seconds it may take (None: no limit).

    It results in the response or, if the RPC ``streams``, in the open call together with its first message.
    """

    rpc: str
    request: Message
    timeout_s: float | None
    streams: bool = False


@dataclass(frozen=True)
class Pause:
    """A command to wait for ``seconds``."""

    seconds: float


@dataclass(frozen=True)
class Read:
    """A command to read the next message of an open call; it results in None if the call ended without an error."""

    call: Any


@dataclass(frozen=True)
class Emit:
    """A command to yield an event to the caller."""

    event: Any


@dataclass(frozen=True)
class Deadline:
    """The time at which a call must have ended, on the clock of ``time.monotonic``; None for no limit."""

    at: float | None

    @classmethod
    def after(cls, timeout_s: float | None) -> Deadline:
        """Return the deadline of a call that begins now and may take ``timeout_s``."""
        return cls(None if timeout_s is None else time.monotonic() + timeout_s)

    def left_s(self) -> float | None:
        """Return the seconds that are left, never less than 0; None for no limit."""
        return None if self.at is None else max(self.at - time.monotonic(), 0.0)

    def is_within(self, seconds: float) -> bool:
        """Return whether the deadline is at most ``seconds`` away."""
        return self.at is not None and time.monotonic() + seconds >= self.at


Exchange = Generator[Call | Pause | Read | Emit, Any, T]


def server_info(timeout_s: float | None) -> Exchange[ServerInfo]:
    """Get the server's version, device, presets and limits."""
    answer = yield from with_retries("GetServerInfo", wire.GetServerInfoRequest(), timeout_s)
    return _parsing.server_info(answer.info)


def models(timeout_s: float | None) -> Exchange[tuple[Model, ...]]:
    """Get all models, page by page."""
    found: list[Model] = []
    token = ""
    while True:
        page = yield from with_retries("ListModels", wire.ListModelsRequest(page_token=token), timeout_s)
        found += map(_parsing.model, page.models)
        if not (token := page.next_page_token):
            return tuple(found)


def layers(model: str, timeout_s: float | None) -> Exchange[tuple[Layer, ...]]:
    """Get all layers of a model, page by page."""
    found: list[Layer] = []
    token = ""
    while True:
        request = wire.ListLayersRequest(page_token=token)
        refuse(NOT_SENT, write(request, "model", model))
        page = yield from with_retries("ListLayers", request, timeout_s)
        found += map(_parsing.layer, page.layers)
        if not (token := page.next_page_token):
            return tuple(found)


def render(request: wire.RenderImageRequest, timeout_s: float | None) -> Exchange[Rendering]:
    """Get one picture."""
    answer = yield from with_retries("RenderImage", request, timeout_s)
    return _parsing.rendering(answer.rendering)


def with_retries(rpc: str, request: Message, timeout_s: float | None, *, streams: bool = False) -> Exchange[Any]:
    """Make a call, and retry it a few times if the server said when to try again or the connection was lost.

    A retry repeats no work: a full server refuses before it starts a render, and a render or job that did start is
    found by its ``request_id``. Calls that reach no server are retried by gRPC itself (``_connection.RETRIES``), and
    once here.
    """
    deadline = Deadline.after(timeout_s)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return (yield Call(rpc, request, deadline.left_s(), streams))
        except (ResourceExhausted, Unavailable) as error:
            wait = error.retry_after_s
            if isinstance(error, Unavailable) and not error.reason and attempt == 1:
                wait = BROKEN_S
            if attempt == ATTEMPTS or wait is None or wait > LONGEST_WAIT_S or deadline.is_within(wait):
                raise
            yield Pause(wait)
    raise AssertionError("the last attempt returns or raises")
