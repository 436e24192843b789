"""Authenticates callers by API key or client certificate, and checks the right that each method needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
from reverie_proto.v1 import visualization_pb2

from reverie_server.errors import Forbidden, Unauthenticated
from reverie_server.rpc.api_keys import ApiKey, ApiKeyFile
from reverie_server.rpc.caller import READ, RENDER, Caller, peer_host, set_caller
from reverie_server.rpc.interceptor import Call
from reverie_server.rpc.quotas import Account

SERVICE = "/reverie.v1.VisualizationService/"


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
    """Middleware that identifies callers and checks their rights; without keys every caller has every right."""

    def __init__(self, keys: ApiKeyFile | None) -> None:
        self._keys = keys

    def knows(self, method: str, metadata: Mapping[str, str]) -> bool:
        """Return whether the key of a call is known, or none is needed: only then is its message worth the memory."""
        return self._keys is None or not method.startswith(SERVICE) or _known(self._keys, metadata) is not None

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """Set the caller of a call; raise Unauthenticated or Forbidden."""
        if self._keys is None or not call.method.startswith(SERVICE):
            set_caller(Caller(_common_name(call.context) or peer_host(call.context.peer() or "")))
        else:
            set_caller(_authenticated(self._keys, call))
        yield


def _authenticated(keys: ApiKeyFile, call: Call) -> Caller:
    if not call.metadata.get("authorization", "").partition(" ")[2]:
        raise Unauthenticated("this server needs an API key: send it as metadata, authorization: Bearer KEY")
    authenticated = _known(keys, call.metadata)
    if authenticated is None:
        raise Unauthenticated("the API key is none of those known here; it may have been revoked")
    key, account = authenticated
    right = REQUIRED_RIGHTS[call.method.removeprefix(SERVICE)](call.request)
    if right not in key.rights:
        raise Forbidden(right, key.rights)
    return Caller(f"{key.name}/{key.id}", account)


def _known(keys: ApiKeyFile, metadata: Mapping[str, str]) -> tuple[ApiKey, Account] | None:
    scheme, _, text = metadata.get("authorization", "").partition(" ")
    return keys.authenticate(text.strip()) if text and scheme.lower() == "bearer" else None


def _common_name(context: grpc.aio.ServicerContext) -> str:
    """Return the common name in the client's certificate, or an empty string if there is none."""
    names = context.auth_context().get("x509_common_name", ())
    return "cn:" + names[0].decode(errors="replace")[:100] if names else ""
