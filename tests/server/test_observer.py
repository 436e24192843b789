"""An observer that raises disturbs neither renders nor calls."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import grpc
import pytest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server import Engine
from reverie_server.observer import Observer, SafeObserver
from reverie_server.process.settings import Settings

from tests.server.hosts import render_request, running

HOOKS = sorted(name for name, value in vars(Observer).items() if callable(value) and not name.startswith("_"))


class Failing(Observer):
    """Raises in one hook, and counts its calls."""

    def __init__(self, hook: str, error: BaseException) -> None:
        self.calls = 0

        def fail(*arguments: object) -> None:
            self.calls += 1
            raise error

        setattr(self, hook, fail)


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_raises_is_logged_and_ignored(
    models: Path, hook: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Failing(hook, error)
    with caplog.at_level(logging.ERROR), Engine([models], device="cpu", threads=1, observer=observer) as engine:
        async with (
            running(engine, Settings(listen="127.0.0.1:0"), observer=observer) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            reply = await VisualizationServiceStub(channel).RenderImage(render_request(steps=2), timeout=120)
    assert reply.rendering.steps == 2
    assert observer.calls
    problems = [record for record in caplog.records if "observer" in record.message]
    assert len(problems) == observer.calls
    assert sum(bool(record.exc_info) for record in problems) == 1


def test_every_hook_is_passed_on() -> None:
    calls: list[tuple[str, Any]] = []

    class Recording(Observer):
        def __getattribute__(self, name: str) -> Any:
            return (
                (lambda *arguments: calls.append((name, arguments)))
                if name in HOOKS
                else super().__getattribute__(name)
            )

    safe = SafeObserver(Recording())
    for hook in HOOKS:
        getattr(safe, hook)("x", "y")
    assert calls == [(hook, ("x", "y")) for hook in HOOKS]
