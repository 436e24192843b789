"""Finds the handler of each method of a service among several servicer objects."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_server.rpc.handlers import service_handler

from tests.server.hosts import hosted

SERVICE = wire.DESCRIPTOR.services_by_name["VisualizationService"]
NAMES = [method.name for method in SERVICE.methods]


async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
    return wire.ListModelsResponse(next_page_token=request.page_token)


async def answers(request: Any, context: grpc.aio.ServicerContext) -> None:
    await context.write(wire.StreamRenderResponse(accepted=wire.Accepted(spec_digest=request.request_id)))


def servicer(*names: str) -> object:
    """Return an object with the named methods."""
    return type("Servicer", (), {name: staticmethod(answers if name == "StreamRender" else answer) for name in names})


@pytest.mark.parametrize(
    ("servicers", "method", "times"),
    [
        ((servicer(*NAMES[1:]),), NAMES[0], 0),
        ((servicer(*NAMES[:4]), servicer(*NAMES[3:])), NAMES[3], 2),
        ((), NAMES[0], 0),
    ],
    ids=["one is missing", "one is there twice", "all are missing"],
)
def test_a_method_has_exactly_one_servicer(servicers: tuple[object, ...], method: str, times: int) -> None:
    with pytest.raises(TypeError, match=rf"VisualizationService\.{method} has {times} servicers"):
        service_handler(SERVICE, *servicers)


async def test_methods_are_served_by_the_object_that_has_them() -> None:
    handler = service_handler(SERVICE, servicer(*NAMES[:3]), servicer(*NAMES[3:]))
    async with hosted(lambda server: server.add_generic_rpc_handlers((handler,))) as channel:
        unary = channel.unary_unary(
            f"/{SERVICE.full_name}/ListModels",
            wire.ListModelsRequest.SerializeToString,
            wire.ListModelsResponse.FromString,
        )
        stream = channel.unary_stream(
            f"/{SERVICE.full_name}/StreamRender",
            wire.StreamRenderRequest.SerializeToString,
            wire.StreamRenderResponse.FromString,
        )
        reply = await unary(wire.ListModelsRequest(page_token="next"), timeout=20)
        digests = [each.accepted.spec_digest async for each in stream(wire.StreamRenderRequest(request_id="id"))]
    assert (reply.next_page_token, digests) == ("next", ["id"])
