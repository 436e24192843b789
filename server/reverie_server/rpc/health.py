"""The standard health service, grpc.health.v1, which probes and load balancers ask."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from reverie_server.rpc.descriptors import PrivateFile, enum_message, field, map_message, message, method, service

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
    """The state of the services of one server: "" is the server as a whole. Belongs to one event loop."""

    def __init__(self, *services: str) -> None:
        self._statuses = dict.fromkeys(["", *services], SERVING)
        self._changed = asyncio.Event()
        self._closed = False

    def set_all(self, status: int) -> None:
        """Change what every service answers, and tell those who watch."""
        self._statuses = dict.fromkeys(self._statuses, status)
        self._tell()

    def close(self) -> None:
        """End the calls of those who watch: they would keep the server from stopping."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    async def check(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        """Answer once."""
        if (status := self._statuses.get(request.service)) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name is registered here")
        return HealthCheckResponse(status=status)

    async def list(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        """Answer for every service."""
        return HealthListResponse(
            statuses={name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        )

    async def watch(self, request: Any, context: grpc.aio.ServicerContext) -> None:
        """Answer now and at every change; a service nobody knows may still come."""
        seen = None
        while not self._closed:
            changed, status = self._changed, self._statuses.get(request.service, SERVICE_UNKNOWN)
            if status != seen:
                await context.write(HealthCheckResponse(status=status))
                seen = status
            await changed.wait()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Mount the service."""
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(
                self.check, HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
            ),
            "List": grpc.unary_unary_rpc_method_handler(
                self.list, HealthListRequest.FromString, HealthListResponse.SerializeToString
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self.watch, HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{PACKAGE}.Health", handlers),))
