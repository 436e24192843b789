"""Who may make which call: API keys, client certificates, and the rights that each method needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc

from reverie_server.errors import Forbidden, Unauthenticated
from reverie_server.rpc import caller as callers
from reverie_server.rpc.api_keys import KeyRing
from reverie_server.rpc.caller import READ, RENDER, Caller
from reverie_server.rpc.interceptor import Call

SERVICE = "/reverie.v1.VisualizationService/"

#: CACHE_MODE_ONLY: answer with a picture that is there already, or not at all.
CACHED_ONLY = 3


def _rendering(request: Any) -> str:
    return READ if getattr(request, "cache", 0) == CACHED_ONLY else RENDER


#: The right that each method needs, by its request. Health and reflection, other services, are open to all: probes and
#: load balancers have no keys, and reflection tells what the .proto files tell.
NEEDED: Mapping[str, Callable[[Any], str]] = {
    "GetServerInfo": lambda request: READ,
    "ListModels": lambda request: READ,
    "ListLayers": lambda request: READ,
    "RenderImage": _rendering,
    "StreamRender": _rendering,
    "CreateRenderJob": lambda request: RENDER,
    "GetRenderJob": lambda request: READ,
    "ListRenderJobs": lambda request: READ,
    "CancelRenderJob": lambda request: RENDER,
    "WatchRenderJob": lambda request: READ,
}


class Admittance:
    """The layer that knows callers and lets in those who may; without keys everybody may do everything."""

    def __init__(self, keys: KeyRing | None) -> None:
        self._keys = keys

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Know the caller of a call; raise Unauthenticated or Forbidden."""
        if self._keys is None or not call.method.startswith(SERVICE):
            callers.become(Caller(_certified(call.context) or callers.machine(call.context.peer() or "")))
        else:
            callers.become(_known(self._keys, call))
        yield


def _known(keys: KeyRing, call: Call) -> Caller:
    scheme, _, text = call.metadata.get("authorization", "").partition(" ")
    if not text:
        raise Unauthenticated("this server needs an API key: send it as metadata, authorization: Bearer KEY")
    found = keys.recognise(text.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise Unauthenticated("the API key is none of those known here; it may have been revoked")
    key, account = found
    right = NEEDED[call.method.removeprefix(SERVICE)](call.request)
    if right not in key.rights:
        raise Forbidden(right, key.rights)
    return Caller(f"{key.name}/{key.id}", account)


def _certified(context: grpc.aio.ServicerContext) -> str:
    """Return the common name in a client's certificate, if it was asked for one."""
    names = context.auth_context().get("x509_common_name", ())
    return "cn:" + names[0].decode(errors="replace")[:100] if names else ""
