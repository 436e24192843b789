"""Streams that nobody reads: the server's memory stays within its bound, and other clients are served.

Clients with keys of their own open streams and read nothing: look-ups of a stored picture, by `StreamRender` and by
`RenderImage`, and renders with frames. Meanwhile another client looks the picture up and reads it.

Run as `python -m tests.reliability.unread [--streams 500] [--size 512]`. The exit status is 1 if a promise is broken.
Figures go to bench/results/unread.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
from reverie_proto.v1 import objective_pb2, spec_pb2, visualization_pb2
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server.limits import Limits
from reverie_server.rpc.api_keys import new_key, write
from reverie_server.scheduler.quotas import Quota

from tests import parts
from tests.figures import write_json
from tests.reliability.process import ServerProcess
from tests.sizes import square

PATIENCE_S = 600
#: The server's memory may grow by its bound and by this: copies while pictures are decoded and encoded, and each call.
OVERHEAD_MIB = 250
OVERHEAD_PER_STREAM_MIB = 0.2

#: No gRPC client leaves the reply of a unary method unread, but it may call the method as one that streams.
RENDER_IMAGE = "/reverie.v1.VisualizationService/RenderImage"


def picture(size_px: int, seed: int = 0, steps: int = 1, model: str = "texture19") -> spec_pb2.RenderSpec:
    """Return a spec that takes little time. Its picture is sent raw, in megabytes that no connection's window holds."""
    objective = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv1_1", channel=0))
    return spec_pb2.RenderSpec(
        model=model,
        objective=objective,
        size=square(size_px),
        steps=steps,
        seed=seed,
        parametrization=parts.PIXEL,
    )


def frame_picture(seed: int, model: str) -> spec_pb2.RenderSpec:
    """Return the spec of a render with frames."""
    return picture(128, seed=seed, steps=200, model=model)


def look_up(channel: grpc.Channel, number: int, spec: spec_pb2.RenderSpec, metadata: Any) -> Any:
    """Begin to look up a stored picture by the method that streams."""
    request = visualization_pb2.StreamRenderRequest(spec=spec, format=spec_pb2.IMAGE_FORMAT_RAW)
    return VisualizationServiceStub(channel).StreamRender(request, metadata=metadata)


def look_up_unary(channel: grpc.Channel, number: int, spec: spec_pb2.RenderSpec, metadata: Any) -> Any:
    """Begin to look up a stored picture by the method that does not stream."""
    request = visualization_pb2.RenderImageRequest(spec=spec, format=spec_pb2.IMAGE_FORMAT_RAW)
    return channel.unary_stream(RENDER_IMAGE)(request.SerializeToString(), metadata=metadata)


def frames(channel: grpc.Channel, number: int, spec: spec_pb2.RenderSpec, metadata: Any) -> Any:
    """Begin a render that sends a frame for every step."""
    request = visualization_pb2.StreamRenderRequest(
        spec=frame_picture(number + 1, spec.model),
        frames=spec_pb2.FrameRequest(every_steps=1, format=spec_pb2.IMAGE_FORMAT_RAW),
    )
    return VisualizationServiceStub(channel).StreamRender(request, metadata=metadata)


KINDS: dict[str, Callable[[grpc.Channel, int, spec_pb2.RenderSpec, Any], Any]] = {
    "look-ups": look_up,
    "unary look-ups": look_up_unary,
    "frames": frames,
}


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def unread(
    server: ServerProcess, kind: str, streams: int, spec: spec_pb2.RenderSpec, keys: list[str]
) -> Iterator[list[Any]]:
    """Keep streams open, spread over a connection for each key, and read none of them."""
    with ExitStack() as stack:
        # Without the probe a connection's window stays small, and the server cannot send a picture that nobody reads.
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.http2.bdp_probe", 0),
            ("grpc.max_receive_message_length", -1),
        ]
        channels = [stack.enter_context(grpc.insecure_channel(server.address, options)) for _ in keys]
        yield [
            KINDS[kind](channels[n % len(keys)], n, spec, (("authorization", f"Bearer {keys[n % len(keys)]}"),))
            for n in range(streams)
        ]


def peak_mib(pid: int, still_s: float) -> float:
    """Return the largest resident memory of a process, measured until it has not grown for some seconds.

    On a slow machine the renders take minutes to make as many frames as may wait.
    """
    peak, since = resident_mib(pid), time.monotonic()
    end = since + PATIENCE_S
    while (now_s := time.monotonic()) - since < still_s and now_s < end:
        now = resident_mib(pid)
        if now > peak + 1:
            peak, since = now, time.monotonic()
        time.sleep(0.1)
    return peak


def measure(
    *,
    streams: int,
    size_px: int,
    clients: int = 5,
    still_s: float = 20,
    limits: dict[str, int] | None = None,
    **more: str,
) -> dict[str, Any]:
    """Measure each kind of unread streams in a server of its own; return the figures."""
    bounds = limits or {}
    found: dict[str, Any] = {"streams": streams, "size_px": size_px, "clients": clients}
    model = more.get("model", "texture19")
    bound = {name: bounds.get(name, getattr(Limits(), name)) for name in ("max_waiting_bytes",)}["max_waiting_bytes"]
    found["bound_mib"] = round(bound / 2**20)
    spec = picture(size_px, model=model)
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            made = [new_key(f"client{n}", rights=["render"], quota=Quota()) for n in range(clients + 1)]
            write(Path(folder) / "keys.json", [key for _, key in made])
            *greedy, patient = (text for text, _ in made)
            places = ["--store", f"{folder}/store", "--jobs", "off", "--keys", f"{folder}/keys.json"]
            if "models" in more:
                places += ["--models", more["models"]]
            extra = {"max_waiting_renders": 2 * streams, **bounds}
            with ServerProcess(
                *places, "--threads", "1", *(f"--limit={name}={value}" for name, value in extra.items())
            ) as server:
                for wanted in (spec, spec, frame_picture(0, model)):  # with the program of the frames loaded
                    read(server, wanted, patient)
                before = resident_mib(server.pid)
                with unread(server, kind, streams, spec, greedy) as calls:
                    grown = peak_mib(server.pid, still_s) - before
                    begun = time.monotonic()
                    served = read(server, spec, patient)
                    took_s = time.monotonic() - begun
                    found[kind] = {
                        "before_mib": round(before),
                        "growth_mib": round(grown),
                        "picture_for_another_client": served,
                        "which_took_s": round(took_s, 2),
                    }
                    for call in calls:
                        call.cancel()
                found[kind]["exit"] = server.stop()[0]
    return found


def read(server: ServerProcess, spec: spec_pb2.RenderSpec, key: str) -> bool:
    """Render or look up a picture and read it; return whether it came."""
    with grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        events = look_up(channel, 0, spec, (("authorization", f"Bearer {key}"),))
        return bool([*events][-1].HasField("result"))


def broken(found: dict[str, Any]) -> list[str]:
    """Return the promises that are broken."""
    most = found["bound_mib"] + OVERHEAD_MIB + OVERHEAD_PER_STREAM_MIB * found["streams"]
    promises = {}
    for kind in KINDS:
        promises[f"{kind}: memory grows by {most:.0f} MiB at most"] = found[kind]["growth_mib"] <= most
        promises[f"{kind}: another client gets a picture"] = found[kind]["picture_for_another_client"]
        promises[f"{kind}: the server ends well"] = found[kind]["exit"] == 0
    return [promise for promise, holds in promises.items() if not holds]


def main() -> None:
    """Run the check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/results/unread.json"))
    chosen = parser.parse_args()
    found = measure(streams=chosen.streams, size_px=chosen.size, clients=chosen.clients)
    print(json.dumps(found, indent=1))
    write_json(chosen.out, found)
    for promise in (failed := broken(found)):
        print("BROKEN:", promise)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
