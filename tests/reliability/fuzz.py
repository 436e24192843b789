"""Generated messages to every method, and raw bytes on the port: nothing crashes, nothing is INTERNAL, nothing hangs.

    python -m tests.reliability.fuzz [--messages 100000] [--minutes 20]

A third of the messages is valid, a third is valid except for one to three changed fields, and a third is random.
Every method must succeed at least once, and so must a share of the renders; otherwise the messages did not reach the
code under test. The server is a separate process with the tiny model of the tests, with limits that make a valid
request short.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, Phase, given, seed, settings
from reverie_proto.v1 import jobs_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.figures import write_json
from tests.models import write_tiny_model
from tests.reliability import messages
from tests.reliability.process import ServerProcess
from tests.sizes import square

#: A call that takes longer counts as hung; long enough for a busy machine.
HANG_S = 180

#: The statuses that a server may return for any message; INTERNAL and UNKNOWN are bugs.
FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}

BOUNDS = ("--limit", "max_steps=20", "--limit", "max_size_px=64")

#: The methods that render, and the share of their messages that must give a picture.
RENDERS = ("RenderImage", "StreamRender")
LEAST_SHARE = 0.1


def statuses(channel: grpc.Channel, method: MethodDescriptor, *, count: int, number: int) -> Counter[str]:
    """Send generated requests to one method; return the number of each status, and raise if one is not allowed."""
    ended: Counter[str] = Counter()
    stub = VisualizationServiceStub(channel)
    begin, job = getattr(stub, method.name), _job(stub)

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(messages.requests(method, job=job))
    def send(request: Any) -> None:
        code = _ended(lambda: begin(request, timeout=HANG_S))
        ended[code.name] += 1
        assert code in FINE, f"{method.name} ended with {code.name}: {request}"

    send()
    return ended


def _job(stub: Any) -> str:
    """Create a job of one picture and return its id; earlier jobs are cancelled, so that it ends soon."""
    for job in stub.ListRenderJobs(jobs_pb2.ListRenderJobsRequest(), timeout=HANG_S).jobs:
        stub.CancelRenderJob(jobs_pb2.CancelRenderJobRequest(id=job.id), timeout=HANG_S)
    layer = jobs_pb2.JobLayer(layer="conv1_1", channels=[jobs_pb2.ChannelRange(first=0, last=0)])
    template = spec_pb2.RenderSpec(model="tiny", size=square(16), steps=1)
    request = jobs_pb2.CreateRenderJobRequest(template=template, layers=[layer])
    return str(stub.CreateRenderJob(request, timeout=HANG_S).job.id)


def _ended(call: Callable[[], Any]) -> grpc.StatusCode:
    try:
        answer = call()
        if isinstance(answer, Iterator):
            for _ in answer:
                pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


# ----- raw bytes -----

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def raw_bytes(address: str, *, seconds: float, number: int) -> int:
    """Send bytes that are not HTTP/2, or only begin like it, to the port; return the number of connections."""
    host, _, port = address.rpartition(":")
    dice, until, made = random.Random(number), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with socket.create_connection((host, int(port)), timeout=HANG_S) as connection:
            connection.settimeout(0.02)
            try:
                for piece in _pieces(dice):
                    connection.sendall(piece)
                connection.recv(65536)
            except (TimeoutError, ConnectionError):
                pass
        made += 1
    return made


def _pieces(dice: random.Random) -> Iterator[bytes]:
    if dice.random() < 0.7:
        yield PREFACE
    for _ in range(dice.randint(0, 8)):
        if dice.random() < 0.7:
            yield _frame(dice)
        else:
            yield dice.randbytes(dice.randint(0, 2000))


def _frame(dice: random.Random) -> bytes:
    """Return an HTTP/2 frame with a valid header and random contents."""
    body = dice.randbytes(dice.randint(0, 300))
    length = len(body) if dice.random() < 0.8 else dice.randrange(2**24)
    stream = dice.choice([0, 1, 3, dice.randrange(2**31)])
    return (
        length.to_bytes(3, "big") + bytes([dice.randrange(12), dice.randrange(256)]) + stream.to_bytes(4, "big") + body
    )


# ----- the whole check -----


def fuzz(*, count: int, seconds: float, number: int = 0) -> dict[str, Any]:
    """Run both checks against one server; return the figures, and raise if it crashed, hung or logged an error."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder) / "models" / "tiny")
        places = ("--models", f"{folder}/models", "--store", f"{folder}/store", "--jobs", f"{folder}/jobs.sqlite")
        with ServerProcess(*places, *BOUNDS) as server, grpc.insecure_channel(server.address) as channel:
            methods = messages.SERVICE.methods
            each = -(-count // sum(bool(method.input_type.fields) for method in methods))  # the others have one message
            ended = {method.name: statuses(channel, method, count=each, number=number) for method in methods}
            made = raw_bytes(server.address, seconds=seconds, number=number)
            assert server.is_well(), "the server is not well after raw bytes"
            code, log = server.stop()
        assert code == 0, f"the server ended with {code}"
        assert "incident" not in log, log[-2000:]
        assert "Traceback" not in log, log[-2000:]
    rendered = sum((ended[method] for method in RENDERS), Counter[str]())
    return {
        "messages": sum(counts.total() for counts in ended.values()),
        "statuses": dict(sum(ended.values(), Counter[str]())),
        "by_method": {method: dict(counts) for method, counts in ended.items()},
        "share_of_renders": round(rendered["OK"] / rendered.total(), 3),
        "connections": made,
        "internal": 0,
        "hangs": 0,
    }


def broken(figures: dict[str, Any]) -> list[str]:
    """Return the signs that the messages did not reach the code under test."""
    promises = {
        f"{method} is answered OK at least once": bool(counts.get("OK"))
        for method, counts in figures["by_method"].items()
    }
    promises[f"{LEAST_SHARE:.0%} of the renders come to a picture"] = figures["share_of_renders"] >= LEAST_SHARE
    return [promise for promise, holds in promises.items() if not holds]


def main() -> None:
    """Run the check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bench/results/fuzz.json"))
    chosen = parser.parse_args()
    figures = fuzz(count=chosen.messages, seconds=chosen.minutes * 60, number=chosen.seed)
    print(json.dumps(figures, indent=1))
    write_json(chosen.out, figures)
    for promise in (failed := broken(figures)):
        print("BROKEN:", promise)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
