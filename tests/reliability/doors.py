"""Every interface gives the same bytes for the same spec, rendered or stored: in-process, unary, stream and job.

Run as `python -m tests.reliability.doors`; the exit status is 1 if two interfaces differ. Figures go to
bench/results/doors.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reverie_proto.options import choices
from reverie_proto.v1 import spec_pb2
from reverie_proto.v1.jobs_pb2 import ChannelRange, CreateRenderJobRequest, JobLayer, WatchRenderJobRequest
from reverie_proto.v1.objective_pb2 import ChannelObjective, Objective
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import (
    CACHE_MODE_BYPASS,
    CACHE_MODE_ONLY,
    CacheMode,
    RenderImageRequest,
    StreamRenderRequest,
)
from reverie_server import Engine
from reverie_server.request.images import ENCODERS

from tests import parts
from tests.figures import write_json
from tests.reliability.server import server
from tests.sizes import square

FORMATS = list(ENCODERS)

#: The specs to render, which vary every field, with few steps.
SPECS: list[dict[str, Any]] = [
    {"layer": "conv1_2", "channel": 3, "size": square(32), "steps": 6},
    {"layer": "conv4_3", "channel": 17, "size": square(64), "steps": 12, "seed": 7},
    {"layer": "conv5_1", "channel": 0, "size": square(96), "steps": 8, "preset": "lucid"},
    {"layer": "logits", "channel": 2, "size": square(64), "steps": 6, "transforms": parts.NONE},
]

#: A picture as an interface returns it: its bytes in every format, its numbers, and its digest.
Seen = tuple[dict[int, bytes], bytes, float, str]


def spec(layer: str, channel: int, **fields: Any) -> RenderSpec:
    """Return a spec of the embedded model."""
    return RenderSpec(
        model="texture19", objective=Objective(channel=ChannelObjective(layer=layer, channel=channel)), **fields
    )


def in_process(engine: Engine, wanted: RenderSpec) -> Seen:
    """Return a picture as `Engine.render` gives it."""
    made = engine.render(spec=wanted)
    encoded = {number: made.encoded(name) for name, number in choices(spec_pb2.ImageFormat.DESCRIPTOR).items()}
    return encoded, made.history.tobytes(), made.activation, made.spec_digest


def seen(ask: Callable[[spec_pb2.ImageFormat], spec_pb2.Rendering]) -> Seen:
    """Return a picture as a call gives it, one call per format."""
    renderings = {form: ask(form) for form in FORMATS}
    last = next(iter(renderings.values()))
    history = spec_pb2.Rendering(history=last.history).SerializeToString()[-4 * last.steps :]
    return {int(f): r.image.data for f, r in renderings.items()}, history, last.activation, last.spec_digest


def unary(call: Any, wanted: RenderSpec, cache: CacheMode) -> Seen:
    """Return a picture as RenderImage gives it."""
    return seen(lambda form: call.RenderImage(RenderImageRequest(spec=wanted, format=form, cache=cache)).rendering)


def stream(call: Any, wanted: RenderSpec, cache: CacheMode) -> Seen:
    """Return a picture as StreamRender gives it."""

    def ask(form: spec_pb2.ImageFormat) -> spec_pb2.Rendering:
        *_, last = call.StreamRender(StreamRenderRequest(spec=wanted, format=form, cache=cache))
        result: spec_pb2.Rendering = last.result
        return result

    return seen(ask)


def job(call: Any, wanted: RenderSpec) -> Seen:
    """Return a picture as a job stores it."""
    template = RenderSpec()
    template.CopyFrom(wanted)
    template.ClearField("objective")
    goal = wanted.objective.channel
    layer = JobLayer(layer=goal.layer, channels=[ChannelRange(first=goal.channel, last=goal.channel)])
    made = call.CreateRenderJob(CreateRenderJobRequest(template=template, layers=[layer])).job
    (item,) = (
        digests.item for digests in call.WatchRenderJob(WatchRenderJobRequest(id=made.id)) if digests.HasField("item")
    )
    return unary(call, item.effective_spec, CACHE_MODE_ONLY)


def doors(call: Any, fresh: Engine, keeping: Engine) -> Iterator[tuple[str, Callable[[RenderSpec], Seen]]]:
    """Return every interface; those that render come before those that read from a store."""
    yield "in process", lambda wanted: in_process(fresh, wanted)
    yield "in process, stored", lambda wanted: in_process(keeping, wanted)
    yield "job, fetched", lambda wanted: job(call, wanted)
    yield "unary, rendered", lambda wanted: unary(call, wanted, CACHE_MODE_BYPASS)
    yield "unary, stored", lambda wanted: unary(call, wanted, CACHE_MODE_ONLY)
    yield "stream, rendered", lambda wanted: stream(call, wanted, CACHE_MODE_BYPASS)
    yield "stream, stored", lambda wanted: stream(call, wanted, CACHE_MODE_ONLY)


def compare(specs: list[dict[str, Any]]) -> dict[str, int]:
    """Return for each interface how many specs give the picture of `Engine.render` to the last bit."""
    with tempfile.TemporaryDirectory(prefix="reverie-doors-") as folder, server(Path(folder)) as at:
        own = Path(folder, "own")
        with (
            Engine(device="cpu", threads=1) as fresh,
            Engine(device="cpu", threads=1, store=own) as keeping,
        ):
            wanted = [spec(**each) for each in specs]
            right = [in_process(fresh, each) for each in wanted]
            for each in wanted:
                keeping.render(spec=each)
            return {
                name: sum(door(each) == reference for each, reference in zip(wanted, right, strict=True))
                for name, door in doors(at.call, fresh, keeping)
            }


def main() -> None:
    """Compare all interfaces and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench/results/doors.json"))
    chosen = parser.parse_args()
    same = compare(SPECS)
    write_json(chosen.out, {"specs": len(SPECS), "formats": len(FORMATS), "identical": same})
    for name, count in same.items():
        print(f"{name:20} {count} of {len(SPECS)} identical in {len(FORMATS)} formats")
    sys.exit(any(count < len(SPECS) for count in same.values()))


if __name__ == "__main__":
    main()
