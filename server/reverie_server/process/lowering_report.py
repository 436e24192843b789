"""The output of `reverie doctor --lowering MODEL/LAYER`: a line for each node of a step program."""

from __future__ import annotations

from collections.abc import Iterator

from reverie_ascent.lowering.explain import Explanation, explain
from reverie_ascent.maker import maker_of
from reverie_ascent.program import program_key
from reverie_ascent.program.compose import compose
from reverie_proto.sizes import described
from reverie_proto.v1 import visualization_pb2

from reverie_server.catalog import Catalog
from reverie_server.process.doctor import chosen
from reverie_server.process.settings import Settings


def report(settings: Settings, name: str) -> Iterator[str]:
    """Yield the lines for the step program that renders a channel of MODEL/LAYER with default options.

    Raises a Fault for a layer that cannot be rendered, and the exceptions of unusable models, devices and plans.
    """
    request = visualization_pb2.RenderImageRequest()
    request.spec.model, _, request.spec.objective.channel.layer = name.partition("/")
    checked = Catalog(settings.models, settings.limits).check(request)
    device = chosen(settings)
    graph = compose(checked.model, program_key(checked.recipe), device.batch)
    explanations = list(explain(graph, device))
    lowered = sum(each.lowered for each in explanations)
    origin = f"{device.plan.name}: {device.plan.origin}" if device.plan else "none"
    yield f"{name} at {described(checked.recipe.size)} px for {maker_of(device).name}"
    yield f"plan {origin}"
    yield f"{lowered} of {len(explanations)} nodes are lowered"
    yield from table(explanations)


def table(explanations: list[Explanation]) -> Iterator[str]:
    """Yield a line for each node: its operator, the shape of its result, and how it is lowered or why not."""
    shapes = ["?" if each.shape is None else " x ".join(map(str, each.shape)) or "1" for each in explanations]
    widths = [max(map(len, column)) for column in ([each.op_type for each in explanations], shapes)]
    for each, shape in zip(explanations, shapes, strict=True):
        mark = "lowered" if each.lowered else "plain  "
        yield f"{mark}  {each.op_type:{widths[0]}}  {shape:{widths[1]}}  {each.how}  [{each.node}]"
