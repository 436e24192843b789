"""SIGTERM under load: every accepted render ends with its picture within the grace, and the exit is clean.

``python -m tests.reliability.sigterm`` repeats it. Clients keep sending requests while the server stops: refused ones
get UNAVAILABLE, and no call is left without a response.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import grpc
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.visualization_pb2 import StreamRenderRequest
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from tests.models import write_tiny_model
from tests.reliability.process import ServerProcess
from tests.sizes import square

GRACE_S = 60


def _render(stub: VisualizationServiceStub, seed: int) -> str:
    """Request a picture; return "done", "refused" if it was never accepted, or "lost" if it was accepted."""
    objective = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv2_1", channel=seed % 8))
    spec = spec_pb2.RenderSpec(model="tiny", objective=objective, size=square(32), steps=60, seed=seed)
    accepted = False
    try:
        for event in stub.StreamRender(StreamRenderRequest(spec=spec), timeout=2 * GRACE_S):
            accepted |= event.HasField("accepted")
            if event.HasField("result"):
                return "done"
    except grpc.RpcError as error:
        if accepted or error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            return f"lost: {error.code().name}"
        return "refused"
    return "lost: ended without a result"


def sigterm(*, clients: int, load_s: float) -> dict[str, Any]:
    """Load a server, terminate it, and count how its renders ended; raise if one was lost."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(clients) as pool:
        write_tiny_model(Path(folder) / "tiny")
        with ServerProcess("--models", folder, "--grace", str(GRACE_S)) as server:
            ended: Counter[str] = Counter()
            answered, over = Semaphore(0), Event()

            def ask(number: int) -> list[str]:
                outcomes: list[str] = []
                with grpc.insecure_channel(server.address, [("grpc.enable_retries", 0)]) as channel:
                    stub, seed = VisualizationServiceStub(channel), number
                    while not over.is_set() and "refused" not in outcomes:
                        outcomes.append(_render(stub, seed))
                        answered.release()
                        seed += clients
                return outcomes

            asking = [pool.submit(ask, number) for number in range(clients)]
            for _ in asking:
                assert answered.acquire(timeout=GRACE_S), "the server does not respond"
            time.sleep(load_s)
            begun = time.monotonic()
            server.terminate()
            code, log = server.wait(2 * GRACE_S)
            took = time.monotonic() - begun
            over.set()
            for each in asking:
                ended += Counter(each.result())
        lost = {outcome: count for outcome, count in ended.items() if outcome.startswith("lost")}
        assert not lost, f"{lost} of {sum(ended.values())}; the log ends: {log[-2000:]}"
        assert code == 0, f"the server ended with {code}: {log[-2000:]}"
        assert ended["done"] >= clients, ended
    return {"clients": clients, **ended, "lost": 0, "exit": code, "stopping_s": round(took, 2)}


def main() -> None:
    """Run the check several times, and print the figures of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--load-s", type=float, default=3)
    arguments = parser.parse_args()
    for _ in range(arguments.times):
        print(sigterm(clients=arguments.clients, load_s=arguments.load_s), flush=True)


if __name__ == "__main__":
    main()
