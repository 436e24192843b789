"""Every way in which a unary call and a stream can end; afterwards nothing is left of it on the server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from reverie_ascent import Ascent
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1.visualization_pb2 import RenderImageRequest, StreamRenderRequest
from reverie_server.scheduler.estimate import Estimates

from tests.server.fakes import PATIENCE_S, placed
from tests.server.hosts import Refusal, Served
from tests.server.rpc.test_service import spec, until
from tests.sizes import square

ENDLESS, SHORT = spec(steps=10_000, size=square(256)), spec(steps=3)

CLIENT = """
import sys, grpc
from reverie_proto.v1.visualization_pb2 import RenderImageRequest, StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
kind, address, request = sys.argv[1:]
stub, request = VisualizationServiceStub(grpc.insecure_channel(address)), bytes.fromhex(request)
if kind == "unary":
    stub.RenderImage(RenderImageRequest.FromString(request))
else:
    list(stub.StreamRender(StreamRenderRequest.FromString(request)))
"""


def start(service: Served, kind: str, wanted: spec_pb2.RenderSpec, **options: Any) -> asyncio.Task[Any]:
    """Start a call whose events are being read."""

    async def read() -> Any:
        if kind == "unary":
            return (await service.call.RenderImage(RenderImageRequest(spec=wanted), **options)).rendering
        call = service.call.StreamRender(StreamRenderRequest(spec=wanted, progress_every_steps=1), **options)
        return [event async for event in call][-1].result

    return asyncio.create_task(read())


async def refused(call: asyncio.Task[Any], code: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode[code]
    return caught.value


async def running(service: Served) -> None:
    await until(lambda: service.engine.stats().steps > 3)


async def end_well(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    assert (await start(service, kind, SHORT)).steps == 3


async def cancel(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    call = start(service, kind, ENDLESS)
    await running(service)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def miss_the_deadline(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Estimates, "seconds", lambda self, plan: None)
    await refused(start(service, kind, ENDLESS, timeout=2), "DEADLINE_EXCEEDED")


async def be_refused_a_deadline(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Estimates, "seconds", lambda self, plan: 1234.5)
    error = await refused(start(service, kind, ENDLESS, timeout=20), "DEADLINE_EXCEEDED")
    assert "the render takes about 1234 s, and the call's deadline is in" in (error.details() or "")


async def crash(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    """Kill the client's process."""
    message = RenderImageRequest(spec=ENDLESS) if kind == "unary" else StreamRenderRequest(spec=ENDLESS)
    arguments = [kind, service.address, message.SerializeToString().hex()]
    client = subprocess.Popen([sys.executable, "-c", CLIENT, *arguments])
    await running(service)
    client.send_signal(signal.SIGKILL)
    assert await asyncio.to_thread(client.wait, PATIENCE_S) == -signal.SIGKILL


async def drain(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    call = start(service, kind, ENDLESS)
    await running(service)
    await service.mount.drain(0.05)
    await refused(call, "UNAVAILABLE")


async def break_the_device(service: Served, kind: str, patch: pytest.MonkeyPatch) -> None:
    def step(self: Ascent) -> Any:
        raise RuntimeError("the device fell off the bus")

    patch.setattr(Ascent, "step", step)
    error = await refused(start(service, kind, ENDLESS), "INTERNAL")
    assert "bus" not in Refusal(error).sentence
    patch.undo()
    assert (await start(service, kind, SHORT)).steps == 3


# What ends a call, and the step loop's counts of renders: finished, stopped, failed.
ENDS: list[tuple[Callable[[Served, str, pytest.MonkeyPatch], Awaitable[None]], tuple[int, int, int]]] = [
    (end_well, (1, 0, 0)),
    (cancel, (0, 1, 0)),
    (miss_the_deadline, (0, 1, 0)),
    (be_refused_a_deadline, (0, 0, 0)),
    (crash, (0, 1, 0)),
    (drain, (0, 1, 0)),
    (break_the_device, (1, 0, 1)),
]


@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize(("happen", "counts"), ENDS, ids=lambda value: getattr(value, "__name__", ""))
async def test_nothing_is_left_of_a_call_after_any_end(
    alone: Served,
    kind: str,
    happen: Callable[[Served, str, pytest.MonkeyPatch], Awaitable[None]],
    counts: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await happen(alone, kind, monkeypatch)
    engine, step_loop = alone.engine, alone.engine._step_loop
    await until(lambda: engine.stats().running == engine.stats().waiting == 0)
    await until(lambda: not alone.mount._renders._calls)
    stats = engine.stats()
    assert (stats.finished, stats.stopped, stats.failed) == counts
    assert stats.late_steps <= 1
    assert (len(step_loop._state.scheduler.queue), step_loop._state.scheduler.queue._clients) == (0, {})
    assert all(batch.free == engine.info().limits.max_batch for batch in step_loop._state.programs)
    await asyncio.to_thread(engine.close)
    assert placed(step_loop) == []
    assert not any(thread.is_alive() for thread in step_loop._executor._threads | step_loop._loader._executor._threads)
