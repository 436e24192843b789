"""Adds Reverie's services to a gRPC server of the host application."""

from __future__ import annotations

import asyncio

import grpc
from reverie_proto.v1 import visualization_pb2

from reverie_server.engine import Engine
from reverie_server.rpc import health as health_service
from reverie_server.rpc.catalog import CatalogServicer
from reverie_server.rpc.handlers import service_handler
from reverie_server.rpc.health import Health
from reverie_server.rpc.jobs import JobServicer
from reverie_server.rpc.reflection import add_reflection
from reverie_server.rpc.replies import Replies
from reverie_server.rpc.service import RenderServicer

FILE = visualization_pb2.DESCRIPTOR
SERVICE = FILE.services_by_name["VisualizationService"]


class Mount:
    """Reverie's services on one grpc.aio server; made by `add_to_server`."""

    def __init__(self, renders: RenderServicer, jobs: JobServicer, health: Health | None) -> None:
        self._renders = renders
        self._jobs = jobs
        self._health = health

    async def drain(self, grace_s: float = 30) -> None:
        """Prepare to stop: health answers NOT_SERVING, new renders are refused, accepted ones finish.

        A render that has not finished after `grace_s` seconds is stopped before its next step and ends with
        UNAVAILABLE. Call it before the server's own `stop`; other services of the host are not touched.
        """
        if self._health is not None:
            self._health.set_all(health_service.NOT_SERVING)
        await asyncio.gather(self._jobs.drain(), self._renders.drain(grace_s))
        if self._health is not None:
            self._health.close()

    def interrupt(self) -> None:
        """Stop every render before its next step; a `drain` in progress then ends at once."""
        self._renders.interrupt()


def add_to_server(server: grpc.aio.Server, engine: Engine, *, health: bool = False, reflection: bool = False) -> Mount:
    """Add `reverie.v1.VisualizationService` to a grpc.aio server that has not started; return a `Mount` to drain it.

    The host starts and stops the server and closes the engine; its ports and interceptors are not changed. `health` and
    `reflection` add grpc.health.v1 and server reflection for a host that does not have them; both then cover Reverie's
    service only.

    The bounds of an engine's `Limits` on what waits for readers hold here too. The host's own server decides how long
    the message of a call may take to arrive, how many calls a connection may have, and when connections end.
    """
    return add_with_replies(server, engine, Replies(engine.limits), health=health, reflection=reflection)


def add_with_replies(
    server: grpc.aio.Server, engine: Engine, replies: Replies, *, health: bool, reflection: bool
) -> Mount:
    """Do what `add_to_server` does, with the bounds of replies that the server's interceptor uses too."""
    renders, jobs = RenderServicer(engine, replies), JobServicer(engine, replies)
    server.add_generic_rpc_handlers((service_handler(SERVICE, CatalogServicer(engine, replies), renders, jobs),))
    files = [FILE]
    health_servicer = None
    if health:
        health_servicer = Health(SERVICE.full_name)
        health_servicer.add_to(server)
        files.append(health_service.FILE.descriptor)
    if reflection:
        add_reflection(server, *files)
    return Mount(renders, jobs, health_servicer)
