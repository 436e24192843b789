"""The twenty cases of clients/conformance.md: each runs a conformance program and says what it should have seen."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
import reverie
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_BYPASS, StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.clients.drivers import Driver
from tests.models import CHANNELS, LAYERS
from tests.sizes import square

Spec = dict[str, Any]

SPEC: Spec = {"model": "tiny", "layer": "conv2_1", "channel": 3, "size": 32, "steps": 6, "seed": 0}
#: A render that lasts a second or more, and one that lasts until it is stopped.
LONG = SPEC | {"size": 64, "steps": 3000, "seed": 1}
ENDLESS = SPEC | {"size": 128, "steps": 10_000, "seed": 1}
#: The model with names in other alphabets, as `tests.clients.conftest` writes it.
UNICODE_MODEL, UNICODE_LAYER, UNICODE_LABEL = "модель-網", "слой", "猫"


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def near(value: float) -> Any:
    """Return what equals a number and its neighbours, as the JSON of other languages may write it."""
    return pytest.approx(value, rel=1e-6)


def rendered(driver: Driver, spec: Spec, **more: Any) -> reverie.Rendering:
    """Return what the Python client gets for a spec."""
    with driver.served.client() as client:
        options = {key: spec[key] for key in ("size", "steps", "seed")} | more
        return client.render(spec["model"], spec["layer"], spec["channel"], **options)


def server_info(driver: Driver) -> None:
    with driver.served.client() as client:
        info = client.server_info()
    answer = driver("server_info")
    assert answer == {
        "version": info.version,
        "maker": info.maker,
        "max_response_bytes": info.limits.max_response_bytes,
    }


def list_models(driver: Driver) -> None:
    answer = driver("list_models", page_size=1)
    assert answer == {"models": ["tiny", UNICODE_MODEL], "calls": 2}


def list_layers(driver: Driver) -> None:
    answer = driver("list_layers", model="tiny", page_size=4)
    assert answer == {"layers": [layer.name for layer in LAYERS], "calls": 3}


def render(driver: Driver) -> None:
    answer, right = driver("render", **SPEC), rendered(driver, SPEC)
    assert answer.pop("activation") == near(right.activation)
    assert answer == {
        "sha256": sha256(right.data),
        "width": 32,
        "height": 32,
        "outcome": "OUTCOME_CONVERGED",
        "spec_digest": right.spec_digest,
        "steps": 6,
    }


def stream(driver: Driver) -> None:
    spec = SPEC | {"seed": int(uuid.uuid4()) % 2**31}  # a picture that is not in the store yet
    answer = driver("stream", **spec, frames_every=2)
    right = rendered(driver, spec, frames_every=2, cache="bypass")
    assert [answer["events"][0], answer["events"][-1]] == ["accepted", "result"]
    assert set(answer["events"][1:-1]) == {"progress"}
    assert answer["frames"] == [frame.step for frame in right.frames]
    assert answer["frame_sha256"] == [sha256(frame.data) for frame in right.frames]
    assert answer["sha256"] == sha256(right.data)


def same_bytes(driver: Driver) -> None:
    answer, right = driver("same_bytes", **SPEC), rendered(driver, SPEC)
    assert answer == {"sha256": [sha256(right.data)] * 3, "spec_digest": [right.spec_digest] * 3}


def raw(driver: Driver) -> None:
    answer, right = driver("raw", **SPEC), rendered(driver, SPEC, format="raw")
    numbers = np.frombuffer(right.data, "<f4")
    assert answer["count"] == numbers.size == 3 * 32 * 32
    seen = [answer[key] for key in ("minimum", "maximum", "first")]
    assert seen == [near(float(each)) for each in (numbers.min(), numbers.max(), numbers[0])]


def cancel(driver: Driver) -> None:
    late = driver.served.figure("reverie_late_steps")
    answer = driver("cancel", **LONG, after_step=3)
    assert answer["code"] == "CANCELLED"
    assert answer["step"] >= 3
    steps = settled(lambda: driver.served.figure("reverie_steps"))
    assert settled(lambda: driver.served.figure("reverie_steps")) == steps, "the device still makes steps"
    assert driver.served.figure("reverie_late_steps") - late <= 1


def deadline(driver: Driver) -> None:
    answer = driver("deadline", **ENDLESS, timeout_s=0.7)
    assert answer["error"]["code"] == "DEADLINE_EXCEEDED"


def bad_request(driver: Driver) -> None:
    answer = driver("bad_request", **SPEC | {"size": 5000, "steps": 0, "channel": 4000})
    error = answer["error"]
    assert (error["code"], error["reason"], error["domain"]) == ("INVALID_ARGUMENT", "INVALID_REQUEST", "reverie.v1")
    fields = {field for field, _ in error["violations"]}
    assert {"spec.steps", "spec.objective.channel.channel"} <= fields
    assert any(field.startswith("spec.size") for field in fields)
    assert all(sentence for _, sentence in error["violations"])


def not_found(driver: Driver) -> None:
    error = driver("not_found", **SPEC | {"layer": "conv2_11"})["error"]
    assert (error["code"], error["reason"], error["resource"]) == ("NOT_FOUND", "NOT_SERVED", ["layer", "conv2_11"])
    ((field, sentence),) = error["violations"]
    assert field == "spec.objective.channel.layer"
    assert "conv2_1," in sentence or "conv2_1" in sentence.split("nearest:")[1]


def exhausted(driver: Driver) -> None:
    with full(driver, steps=10_000) as calls:
        error = driver("exhausted", **SPEC, retry=False)["error"]
        assert (error["code"], error["reason"]) == ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
        assert error["retry_after_s"] > 0
        for call in calls:
            call.cancel()
    before = len(driver.served.calls("RenderImage"))
    # Each of the renders in front takes a few seconds on any machine, and the server says so in its RetryInfo.
    with full(driver, steps=steps_in(driver, seconds=2)):
        answer = driver("exhausted", **SPEC, retry=True)
    assert answer["sha256"] == sha256(rendered(driver, SPEC).data)
    codes = [call["code"] for call in driver.served.calls("RenderImage")[before:]]
    assert codes.count("RESOURCE_EXHAUSTED") in (1, 2, 3), codes


def create_job(driver: Driver) -> None:
    spec = {key: value for key, value in SPEC.items() if key != "channel"}
    answer = driver("create_job", **spec, first=0, last=4, request_id=str(uuid.uuid4()))
    assert answer["ids"][0] == answer["ids"][1]
    assert answer["item_count"] == 5
    assert answer["state"] in ("JOB_STATE_QUEUED", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED")
    with driver.served.client() as client:
        list(client.job(answer["ids"][0]).watch())


def watch_job(driver: Driver) -> None:
    last = CHANNELS["conv2_1"] - 1
    answer = driver("watch_job", id=new_job(driver, last=last))
    assert sorted(answer["items"]) == [[i, "conv2_1", i, "OUTCOME_CONVERGED"] for i in range(last + 1)]
    assert answer["sequences"] == sorted(set(answer["sequences"]))
    assert answer["state"] == "JOB_STATE_SUCCEEDED"
    right = [sha256(rendered(driver, SPEC | {"channel": item[2], "seed": 5}).data) for item in answer["items"]]
    assert answer["sha256"] == right


def resume_watch(driver: Driver) -> None:
    answer = driver("resume_watch", id=new_job(driver, last=5), stop_after=2)
    assert sorted(answer["indices"]) == list(range(6))
    assert min(answer["second"]) > max(answer["first"])
    assert answer["state"] == "JOB_STATE_SUCCEEDED"


def restart(driver: Driver) -> None:
    running = driver.begin("restart", id=new_job(driver, last=7, steps=300, size=64))
    assert running.line() == "ready"
    driver.served.restart(after_s=1)
    answer = running.answer()
    assert sorted(answer["items"]) == [[i, "conv2_1", i, "OUTCOME_CONVERGED"] for i in range(8)]
    assert answer["sequences"] == sorted(set(answer["sequences"]))
    assert answer["state"] == "JOB_STATE_SUCCEEDED"


def cancel_job(driver: Driver) -> None:
    answer = driver("cancel_job", id=new_job(driver, last=7, steps=10_000, size=128))
    assert answer == {"states": ["JOB_STATE_CANCELLED"] * 2}


def large(driver: Driver) -> None:
    spec = SPEC | {"size": 700, "steps": 1}
    answer, right = driver("large", **spec), rendered(driver, spec, format="raw")
    assert answer == {"bytes": 3 * 700 * 700 * 4, "sha256": sha256(right.data)}


def names(driver: Driver) -> None:
    asked = {"model": UNICODE_MODEL, "layer": UNICODE_LAYER, "label": UNICODE_LABEL, "missing": "ñandú\n行"}
    answer = driver("unicode", **asked, size=32, steps=2, seed=0)
    assert UNICODE_LAYER in answer["layers"]
    assert answer["index"] == 0
    with driver.served.client() as client:
        right = client.render(UNICODE_MODEL, UNICODE_LAYER, UNICODE_LABEL, size=32, steps=2, seed=0)
    assert answer["sha256"] == sha256(right.data)
    error = answer["error"]
    assert (error["code"], error["resource"]) == ("NOT_FOUND", ["layer", "ñandú\n行"])
    assert UNICODE_MODEL in error["message"]


def token(driver: Driver) -> None:
    answer = driver("token", wrong="rvk_" + "0" * 40)
    assert answer["version"]
    if driver.served.door.keys:
        assert answer["error"]["code"] == "UNAUTHENTICATED"
    else:
        assert answer["error"] is None


#: Cases with servers of their own, because they stop or fill it: what such a server is started with.
OWN_SERVER: dict[str, tuple[str, ...]] = {
    "restart": (),
    "exhausted": ("--limit", "max_waiting_renders=1"),
}

CASES: dict[str, Callable[[Driver], None]] = {
    "server_info": server_info,
    "list_models": list_models,
    "list_layers": list_layers,
    "render": render,
    "stream": stream,
    "same_bytes": same_bytes,
    "raw": raw,
    "cancel": cancel,
    "deadline": deadline,
    "bad_request": bad_request,
    "not_found": not_found,
    "exhausted": exhausted,
    "create_job": create_job,
    "watch_job": watch_job,
    "resume_watch": resume_watch,
    "restart": restart,
    "cancel_job": cancel_job,
    "large": large,
    "unicode": names,
    "token": token,
}


def settled(read: Callable[[], float]) -> float:
    """Return a figure once two readings, a quarter of a second apart, are equal; fail after a minute."""
    for _ in range(240):
        before = read()
        time.sleep(0.25)
        if read() == before:
            return before
    raise AssertionError("the figure still changes after a minute")


def new_job(driver: Driver, *, last: int, steps: int = 6, size: int = 32) -> str:
    """Create a job of the channels 0 to ``last`` of conv2_1 and return its id."""
    with driver.served.client() as client:
        job = client.create_job("tiny", {"conv2_1": range(last + 1)}, steps=steps, size=size, seed=5)
        return job.id


def steps_in(driver: Driver, *, seconds: float) -> int:
    """Return how many steps of `filler` this machine makes in some seconds."""
    with driver.served.channel() as channel:
        begun = time.perf_counter()
        for _ in VisualizationServiceStub(channel).StreamRender(filler(99, 200), metadata=driver.served.metadata):
            pass
        return min(10_000, max(200, round(200 * seconds / (time.perf_counter() - begun))))


@contextmanager
def full(driver: Driver, *, steps: int) -> Iterator[list[Any]]:
    """Fill the server with renders of so many steps until it refuses one; they are cancelled with the block."""
    served, calls = driver.served, []
    with served.channel() as channel:
        stub = VisualizationServiceStub(channel)
        for seed in range(100):
            call = stub.StreamRender(filler(seed, steps), metadata=served.metadata)
            try:
                next(call)
            except grpc.RpcError as refusal:
                if refusal.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                break
            calls.append(call)
        try:
            yield calls
        finally:
            for call in calls:
                call.cancel()


def filler(seed: int, steps: int) -> StreamRenderRequest:
    """Return the request of a render that keeps the server busy."""
    goal = objective_pb2.ChannelObjective(layer="conv2_1", channel=1)
    spec = spec_pb2.RenderSpec(
        model="tiny", objective=objective_pb2.Objective(channel=goal), size=square(128), steps=steps, seed=seed
    )
    return StreamRenderRequest(spec=spec, cache=CACHE_MODE_BYPASS)
