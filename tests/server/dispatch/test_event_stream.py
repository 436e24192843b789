"""A stream of an engine that nobody reads does not keep the device busy."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reverie_server import Accepted, Engine, Rendering

from tests.server.fakes import PATIENCE_S

ENDLESS: dict[str, Any] = {"size": 256, "steps": 10_000}


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def drop(engine: Engine) -> None:
    engine.stream("tiny", "conv1_1", 1, **ENDLESS)


def keep_in_a_circle(engine: Engine) -> None:
    circle: list[Any] = [engine.stream("tiny", "conv1_1", 1, **ENDLESS)]
    circle.append(circle)
    del circle
    gc.collect()


def read_one_event(engine: Engine) -> None:
    assert isinstance(next(engine.stream("tiny", "conv1_1", 1, **ENDLESS)), Accepted)


def close(engine: Engine) -> None:
    stream = engine.stream("tiny", "conv1_1", 1, **ENDLESS)
    stream.close()
    stream.close()
    assert list(stream) == []


def leave_a_block(engine: Engine) -> None:
    with engine.stream("tiny", "conv1_1", 1, **ENDLESS) as stream:
        next(stream)


@pytest.mark.parametrize(
    "leave", [drop, keep_in_a_circle, read_one_event, close, leave_a_block], ids=lambda leave: leave.__name__
)
def test_a_stream_that_is_left_stops_its_render(models: Path, leave: Callable[[Engine], None]) -> None:
    with Engine([models], device="cpu", threads=1) as engine:
        leave(engine)
        until(lambda: engine.stats().running == engine.stats().waiting == 0)
        assert engine.stats().finished == 0


def test_a_stream_ends_after_its_rendering(engine: Engine) -> None:
    stream = engine.stream("tiny", "conv1_1", 1, size=32, steps=2)
    assert isinstance([*stream][-1], Rendering)
    assert list(stream) == []
