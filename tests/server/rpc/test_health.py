"""The standard health service, called as probes call it."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from typing import Any

import grpc
import pytest
from reverie_server.rpc import health
from reverie_server.rpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health

from tests.server.fakes import PATIENCE_S
from tests.server.hosts import hosted

NAME = "reverie.v1.VisualizationService"

# The service of a request, and the response.
CHECKS = [("", SERVING), (NAME, SERVING)]


class Probe:
    """A client of the health service, from its definition alone."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        coding = health.HealthCheckRequest.SerializeToString, health.HealthCheckResponse.FromString
        self._check = channel.unary_unary("/grpc.health.v1.Health/Check", *coding)
        self._watch = channel.unary_stream("/grpc.health.v1.Health/Watch", *coding)
        self.list = channel.unary_unary(
            "/grpc.health.v1.Health/List",
            health.HealthListRequest.SerializeToString,
            health.HealthListResponse.FromString,
        )

    async def check(self, service: str) -> int:
        return int((await self._check(health.HealthCheckRequest(service=service))).status)

    def watch(self, service: str) -> Any:
        return self._watch(health.HealthCheckRequest(service=service))


@pytest.mark.parametrize(("service", "status"), CHECKS)
async def test_a_service_is_healthy_from_the_start(service: str, status: int) -> None:
    async with hosted(Health(NAME).add_to) as channel:
        assert await Probe(channel).check(service) == status


async def test_a_service_that_is_not_registered_is_not_found() -> None:
    async with hosted(Health(NAME).add_to) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await Probe(channel).check("another.Service")
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


async def test_watchers_get_a_change_at_once() -> None:
    served = Health(NAME)
    async with hosted(served.add_to) as channel:
        watch = Probe(channel).watch(NAME)
        first = await watch.read()
        served.set_all(NOT_SERVING)
        second = await asyncio.wait_for(watch.read(), PATIENCE_S)
        served.close()
        end = await asyncio.wait_for(watch.read(), PATIENCE_S)
    assert [first.status, second.status] == [SERVING, NOT_SERVING]
    assert end is grpc.aio.EOF


async def test_watching_an_unregistered_service_is_not_an_error() -> None:
    async with hosted(Health(NAME).add_to) as channel:
        watch = Probe(channel).watch("another.Service")
        assert (await watch.read()).status == SERVICE_UNKNOWN
        watch.cancel()


async def test_the_list_names_every_service() -> None:
    served = Health(NAME)
    served.set_all(NOT_SERVING)
    async with hosted(served.add_to) as channel:
        listed = await Probe(channel).list(health.HealthListRequest())
    assert {name: answer.status for name, answer in listed.statuses.items()} == {"": NOT_SERVING, NAME: NOT_SERVING}


@pytest.mark.skipif(importlib.util.find_spec("grpc_health") is None, reason="grpcio-health-checking is not installed")
async def test_grpcs_client_understands_the_responses_in_the_same_process() -> None:
    """Both sets of definitions can be loaded, because ours are in a separate descriptor pool."""
    health_pb2 = importlib.import_module("grpc_health.v1.health_pb2")
    health_pb2_grpc = importlib.import_module("grpc_health.v1.health_pb2_grpc")

    async with hosted(Health(NAME).add_to) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=NAME))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
