"""What an engine returns and raises crosses processes; the engine itself is refused with a sentence."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from reverie_ascent.runtime import ForkedProcess
from reverie_server import Accepted, Engine, Fault, InvalidRequest, Progress, Rendering
from reverie_server.errors import Violation

from tests.server.rpc.test_status import FAULTS

WAYS: list[Callable[[Any], Any]] = [lambda it: pickle.loads(pickle.dumps(it)), copy.copy, copy.deepcopy]


def failing(number: int) -> None:
    raise FAULTS[number][0]


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("fault", [row[0] for row in FAULTS], ids=lambda fault: type(fault).__name__)
def test_a_fault_round_trips(fault: Fault, way: Callable[[Any], Any]) -> None:
    again = way(fault)
    assert type(again) is type(fault)
    assert str(again) == str(fault)
    assert again.retry_after_s == fault.retry_after_s
    assert list(again.details()) == list(fault.details())
    assert vars(again) == vars(fault)


def test_a_refusal_leaves_a_process_pool_usable() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(InvalidRequest, match=r"spec\.steps: 0 is not in"):
            pool.submit(failing, 0).result(120)
        assert pool.submit(int, "7").result(120) == 7


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
def test_every_event_of_a_render_round_trips(engine: Engine, way: Callable[[Any], Any]) -> None:
    events: list[Any] = list(engine.stream("tiny", "conv1_1", 1, size=32, steps=3, frames_every=1, progress_every=1))
    assert {type(event) for event in events} == {Accepted, Progress, Rendering}
    for event in events:
        again = way(event)
        assert type(again) is type(event)
        if isinstance(event, Progress):
            assert (again.step, again.objective) == (event.step, event.objective)
            assert event.frame is not None
            assert again.frame.array.tobytes() == event.frame.array.tobytes()
        else:
            assert (again.spec, again.spec_digest) == (event.spec, event.spec_digest)
    rendering = way(events[-1])
    rendering.image.load()
    assert pickle.loads(pickle.dumps(rendering)).encoded() == events[-1].encoded()


def test_other_errors_of_ours_round_trip() -> None:
    assert pickle.loads(pickle.dumps(Violation("a", "b"))) == Violation("a", "b")
    assert str(pickle.loads(pickle.dumps(ForkedProcess("x")))) == "x"


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
def test_an_engine_is_refused_with_the_remedy(engine: Engine, way: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="make one in each process, or start `reverie serve`"):
        way(engine)
