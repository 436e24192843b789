"""The standard health service, grpc.health.v1, for probes and load balancers."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from reverie_server.rpc.descriptors import PrivateFile, enum_message, field, map_message, message, method, service
from reverie_server.rpc.handlers import service_handler

PACKAGE = "grpc.health.v1"
STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)

FILE = PrivateFile(
    "grpc/health/v1/health.proto",
    PACKAGE,
    [
        message("HealthCheckRequest", field("service", 1, "string")),
        enum_message(
            "HealthCheckResponse", "status", "ServingStatus", f".{PACKAGE}.HealthCheckResponse.ServingStatus", STATUSES
        ),
        message("HealthListRequest"),
        map_message(
            "HealthListResponse", "statuses", f".{PACKAGE}.HealthListResponse", f".{PACKAGE}.HealthCheckResponse"
        ),
    ],
    [
        service(
            "Health",
            method("Check", f".{PACKAGE}.HealthCheckRequest", f".{PACKAGE}.HealthCheckResponse"),
            method("List", f".{PACKAGE}.HealthListRequest", f".{PACKAGE}.HealthListResponse"),
            method("Watch", f".{PACKAGE}.HealthCheckRequest", f".{PACKAGE}.HealthCheckResponse", streams="out"),
        )
    ],
)

HealthCheckRequest: Any = FILE.message("HealthCheckRequest")
HealthCheckResponse: Any = FILE.message("HealthCheckResponse")
HealthListRequest: Any = FILE.message("HealthListRequest")
HealthListResponse: Any = FILE.message("HealthListResponse")


class Health:
    """The status of each service of one server; "" is the server as a whole. Belongs to one event loop."""

    def __init__(self, *services: str) -> None:
        self._statuses = dict.fromkeys(["", *services], SERVING)
        self._changed = asyncio.Event()
        self._closed = False

    def set_all(self, status: int) -> None:
        """Set the status of every service, and send it to all watchers."""
        self._statuses = dict.fromkeys(self._statuses, status)
        self._wake_watchers()

    def close(self) -> None:
        """End all watches: open calls would keep the server from stopping."""
        self._closed = True
        self._wake_watchers()

    def _wake_watchers(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Check(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        """Return the status of a service; NOT_FOUND for an unknown one."""
        if (status := self._statuses.get(request.service)) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name is registered here")
        return HealthCheckResponse(status=status)

    async def List(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        """Return the status of every service."""
        return HealthListResponse(
            statuses={name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        )

    async def Watch(self, request: Any, context: grpc.aio.ServicerContext) -> None:
        """Send the status of a service now and at every change; that of an unknown one is SERVICE_UNKNOWN."""
        sent = None
        while not self._closed:
            changed, status = self._changed, self._statuses.get(request.service, SERVICE_UNKNOWN)
            if status != sent:
                await context.write(HealthCheckResponse(status=status))
                sent = status
            await changed.wait()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Mount the service."""
        server.add_generic_rpc_handlers((service_handler(FILE.descriptor.services_by_name["Health"], self),))
