"""Authenticates callers by API key or client certificate, and checks the right that each method needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from reverie_proto.v1 import visualization_pb2

from reverie_server.errors import Fault, Forbidden, Unauthenticated
from reverie_server.rpc.api_keys import ApiKey, ApiKeyFile
from reverie_server.rpc.caller import ADMIN, READ, RENDER, Caller, peer_host, set_caller
from reverie_server.rpc.interceptor import Call
from reverie_server.scheduler.quotas import Account

SERVICE = "/reverie.v1.VisualizationService/"

#: Seconds between two checks of the key of an open call.
RECHECK_S = 15.0


def _render_right(request: Any) -> str:
    """Return the right for a render: reading is enough if the request allows only a stored picture.

    A request that could not be decoded has no fields; its call is refused later.
    """
    only_cached = getattr(request, "cache", None) == visualization_pb2.CACHE_MODE_ONLY
    return READ if only_cached else RENDER


#: The right that each method needs, as a function of the request. Health and reflection need none: probes and load
#: balancers have no keys, and reflection reveals no more than the published .proto files.
REQUIRED_RIGHTS: Mapping[str, Callable[[Any], str]] = {
    "GetServerInfo": lambda request: READ,
    "ListModels": lambda request: READ,
    "ListLayers": lambda request: READ,
    "RenderImage": _render_right,
    "StreamRender": _render_right,
    "CreateRenderJob": lambda request: RENDER,
    "GetRenderJob": lambda request: READ,
    "ListRenderJobs": lambda request: READ,
    "CancelRenderJob": lambda request: RENDER,
    "WatchRenderJob": lambda request: READ,
}


class Authorizer:
    """Middleware that identifies callers and checks their rights, at the start of a call and while it lasts.

    Without keys every caller has every right, but clients with certificates see only their own jobs.
    """

    def __init__(self, keys: ApiKeyFile | None, *, recheck_s: float | None = None) -> None:
        self._keys = keys
        self._recheck_s = RECHECK_S if recheck_s is None else recheck_s

    def knows(self, method: str, metadata: Mapping[str, str]) -> bool:
        """Return whether the key of a call is known, or none is needed: only then is its message worth the memory."""
        return self._keys is None or not method.startswith(SERVICE) or _known(self._keys, metadata) is not None

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Set the caller of a call; raise Unauthenticated or Forbidden, also when its key is revoked later."""
        if self._keys is None or not call.method.startswith(SERVICE):
            set_caller(_without_key(call.context))
            yield
        else:
            set_caller(_authenticated(self._keys, call))
            async with _rechecked(self._keys, call, self._recheck_s):
                yield


@asynccontextmanager
async def _rechecked(keys: ApiKeyFile, call: Call, every_s: float) -> AsyncIterator[None]:
    """End the block with Unauthenticated or Forbidden once the key of the call is revoked or loses the right."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    faults: list[Fault] = []
    timers: list[asyncio.TimerHandle] = []

    def check() -> None:
        try:
            _authenticated(keys, call)
        except Fault as fault:
            faults.append(fault)
            task.cancel()
        else:
            timers[:] = [loop.call_later(every_s, check)]

    timers.append(loop.call_later(every_s, check))
    try:
        yield
    except asyncio.CancelledError:
        if faults and not task.uncancel():  # nobody else has cancelled the call
            raise faults[0] from None
        raise
    finally:
        for timer in timers:
            timer.cancel()


def _authenticated(keys: ApiKeyFile, call: Call) -> Caller:
    if not call.metadata.get("authorization", "").partition(" ")[2]:
        raise Unauthenticated("this server needs an API key: send it as metadata, authorization: Bearer KEY")
    authenticated = _known(keys, call.metadata)
    if authenticated is None:
        raise Unauthenticated("the API key is none of those known here; it may have been revoked")
    key, account = authenticated
    right, admin = REQUIRED_RIGHTS[call.method.removeprefix(SERVICE)](call.request), ADMIN in key.rights
    if right not in key.rights and not admin:
        raise Forbidden(right, key.rights)
    return Caller(f"{key.name}/{key.id}", account, admin)


def _without_key(context: grpc.aio.ServicerContext) -> Caller:
    """Return the caller by the common name in its certificate, or by its host if it has none."""
    properties = context.auth_context()
    if not properties.get("x509_pem_cert") and not properties.get("x509_common_name"):
        return Caller(peer_host(context.peer() or ""))
    # All certificates without a name are one client.
    name = "cn:" + b"".join(properties.get("x509_common_name", ())).decode(errors="backslashreplace")
    return Caller(name[:100], Account(owner=name), admin=False)


def _known(keys: ApiKeyFile, metadata: Mapping[str, str]) -> tuple[ApiKey, Account] | None:
    scheme, _, text = metadata.get("authorization", "").partition(" ")
    return keys.authenticate(text.strip()) if text and scheme.lower() == "bearer" else None
