"""What is said to a server and in which order, without saying how: the part that both clients share.

An exchange is a generator. It yields an :class:`Ask` and is sent the answer, or has the error thrown into it; it yields
a :class:`Pause` to be woken later; it returns what the caller asked for. A client is a loop that drives it.
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

# A server that is full says when to come back. Longer than this is the caller's decision, and so is a third refusal.
PATIENCE_S = 60.0
ATTEMPTS = 3
# Until a connection that broke is tried again.
BROKEN_S = 0.5


@dataclass(frozen=True)
class Ask:
    """One call: the name of the RPC, its request, and the seconds it may take (None: no limit).

    The answer is its response or, where it ``streams``, the open call together with its first message.
    """

    rpc: str
    request: Message
    timeout_s: float | None
    streams: bool = False


@dataclass(frozen=True)
class Pause:
    """Wait so long before going on."""

    seconds: float


@dataclass(frozen=True)
class Read:
    """Wait for the next message of an open call: the answer, or None when the call has ended well."""

    call: Any


@dataclass(frozen=True)
class Tell:
    """Give the caller something, and go on when it asks for more."""

    event: Any


@dataclass(frozen=True)
class Deadline:
    """When the caller's time is over, as ``time.monotonic`` counts; None: never."""

    at: float | None

    @classmethod
    def after(cls, timeout_s: float | None) -> Deadline:
        """The deadline of a call that begins now and may take so long."""
        return cls(None if timeout_s is None else time.monotonic() + timeout_s)

    def left_s(self) -> float | None:
        """Seconds that are left, never less than 0; None: no limit."""
        return None if self.at is None else max(self.at - time.monotonic(), 0.0)

    def is_within(self, seconds: float) -> bool:
        """Whether the time is over after so many more seconds."""
        return self.at is not None and time.monotonic() + seconds >= self.at


Exchange = Generator[Ask | Pause | Read | Tell, Any, T]


def server_info(timeout_s: float | None) -> Exchange[ServerInfo]:
    """Ask a server about itself."""
    answer = yield from patiently("GetServerInfo", wire.GetServerInfoRequest(), timeout_s)
    return _parsing.server_info(answer.info)


def models(timeout_s: float | None) -> Exchange[tuple[Model, ...]]:
    """Ask for all models, page by page."""
    found: list[Model] = []
    token = ""
    while True:
        page = yield from patiently("ListModels", wire.ListModelsRequest(page_token=token), timeout_s)
        found += map(_parsing.model, page.models)
        if not (token := page.next_page_token):
            return tuple(found)


def layers(model: str, timeout_s: float | None) -> Exchange[tuple[Layer, ...]]:
    """Ask for all layers of a model, page by page."""
    found: list[Layer] = []
    token = ""
    while True:
        request = wire.ListLayersRequest(page_token=token)
        refuse(NOT_SENT, write(request, "model", model))
        page = yield from patiently("ListLayers", request, timeout_s)
        found += map(_parsing.layer, page.layers)
        if not (token := page.next_page_token):
            return tuple(found)


def render(request: wire.RenderImageRequest, timeout_s: float | None) -> Exchange[Rendering]:
    """Ask for one picture."""
    answer = yield from patiently("RenderImage", request, timeout_s)
    return _parsing.rendering(answer.rendering)


def patiently(rpc: str, request: Message, timeout_s: float | None, *, streams: bool = False) -> Exchange[Any]:
    """Ask, and come back a few times when a full or stopping server says when, or when the connection broke.

    Asking again doubles no work: a full server refused before it began, and a render or a job that did begin is known
    by its ``request_id``. Calls that find no server at all are repeated by gRPC itself (``_connection.RETRIES``), and
    once from here.
    """
    deadline = Deadline.after(timeout_s)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return (yield Ask(rpc, request, deadline.left_s(), streams))
        except (ResourceExhausted, Unavailable) as error:
            wait = error.retry_after_s
            if isinstance(error, Unavailable) and not error.reason and attempt == 1:
                wait = BROKEN_S
            if attempt == ATTEMPTS or wait is None or wait > PATIENCE_S or deadline.is_within(wait):
                raise
            yield Pause(wait)
    raise AssertionError("the last attempt returns or raises")
