"""What `reverie doctor --lowering MODEL/LAYER` prints: a line for each node of a step program."""

from __future__ import annotations

from collections.abc import Iterator

from reverie_ascent.lowering.explain import Explanation, explain
from reverie_ascent.maker import maker_of
from reverie_ascent.program import program_key
from reverie_ascent.program.compose import compose
from reverie_proto.v1 import visualization_pb2

from reverie_server.catalog import Catalog
from reverie_server.process.doctor import chosen
from reverie_server.process.settings import Settings


def report(settings: Settings, name: str) -> Iterator[str]:
    """Yield the lines for the step program that renders a channel of MODEL/LAYER, all else left to its default.

    Raises a Fault for what cannot be rendered, and what is wrong with the models, the device or the plan.
    """
    request = visualization_pb2.RenderImageRequest()
    request.spec.model, _, request.spec.objective.channel.layer = name.partition("/")
    checked = Catalog(settings.models, settings.limits).check(request)
    device = chosen(settings)
    graph = compose(checked.model, program_key(checked.recipe), device.batch)
    found = list(explain(graph, device))
    lowered = sum(each.lowered for each in found)
    origin = f"{device.plan.name}: {device.plan.origin}" if device.plan else "none"
    yield f"{name} at {checked.recipe.size} px for {maker_of(device).name}"
    yield f"plan {origin}"
    yield f"{lowered} of {len(found)} nodes are lowered"
    yield from table(found)


def table(found: list[Explanation]) -> Iterator[str]:
    """Yield a line for each node: what it is, the shape of its result, and how it is lowered or why not."""
    shapes = ["?" if each.shape is None else " x ".join(map(str, each.shape)) or "1" for each in found]
    widths = [max(map(len, column)) for column in ([each.op_type for each in found], shapes)]
    for each, shape in zip(found, shapes, strict=True):
        mark = "lowered" if each.lowered else "plain  "
        yield f"{mark}  {each.op_type:{widths[0]}}  {shape:{widths[1]}}  {each.how}  [{each.node}]"
