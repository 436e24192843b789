"""From a request for a job to its pictures: what they have in common, and each one's layer and channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reverie_proto.v1 import catalog_pb2, jobs_pb2, spec_pb2, visualization_pb2

from reverie_server.errors import InvalidRequest, NotServed, Violation
from reverie_server.limits import Limits
from reverie_server.request.render_request import Order, Request, check_request_id
from reverie_server.request.validation import Notes

Check = Callable[[Request], Order]


@dataclass(frozen=True)
class Piece:
    """One picture of a job."""

    index: int
    layer: str
    channel: int

    def spec(self, template: spec_pb2.RenderSpec) -> spec_pb2.RenderSpec:
        """Return what to render."""
        spec = spec_pb2.RenderSpec()
        spec.CopyFrom(template)
        spec.objective.channel.SetInParent()
        spec.objective.channel.layer, spec.objective.channel.channel = self.layer, self.channel
        return spec


@dataclass(frozen=True)
class Template:
    """A valid request: nothing is left open in it."""

    common: spec_pb2.RenderSpec
    layers: Sequence[jobs_pb2.JobLayer]
    pieces: Sequence[Piece]

    def message(self) -> jobs_pb2.CreateRenderJobRequest:
        """Return the request with every default filled in."""
        return jobs_pb2.CreateRenderJobRequest(template=self.common, layers=self.layers)

    def must_be(self, request: bytes) -> None:
        """Raise InvalidRequest unless the job asks for what another one, in bytes, asked for."""
        if jobs_pb2.CreateRenderJobRequest.FromString(request) != self.message():
            raise InvalidRequest([Violation("request_id", "stands for another job already; take a new one")])


def take(
    request: jobs_pb2.CreateRenderJobRequest,
    check: Check,
    channels: Callable[[str], dict[str, catalog_pb2.Layer]],
    limits: Limits,
) -> Template:
    """Return the pictures that a request stands for; raise InvalidRequest or NotServed with all that is wrong with it.

    `check` takes an order for one picture, `channels` returns the layers of a model that is served, by name.
    """
    notes = Notes()
    check_request_id(request, notes)
    if request.template.objective.WhichOneof("kind") is not None:
        notes.wrong("template.objective", "is given by layers; leave it empty")
    common: list[spec_pb2.RenderSpec | None] = []
    if notes.within("layers", len(request.layers), 1, limits.max_job_items, because=" entries"):
        common = [_complete(request, i, check, notes) for i in range(len(request.layers))]
    layers: list[jobs_pb2.JobLayer] = []
    pieces: list[Piece] = []
    known = channels(request.template.model) if any(common) else {}
    for i, (asked, effective) in enumerate(zip(request.layers, common, strict=False)):
        if effective is None:
            continue  # noted
        layer = known[effective.objective.channel.layer]
        if layer.name in [each.layer for each in layers]:
            notes.wrong(f"layers[{i}].layer", f"layer {layer.name!r} is there twice; give all of its channels in one")
        layers.append(jobs_pb2.JobLayer(layer=layer.name, channels=asked.channels))
        chosen = _channels(asked, layer, f"layers[{i}]", notes)
        pieces += [Piece(len(pieces) + n, layer.name, channel) for n, channel in enumerate(chosen)]
    if len(pieces) > limits.max_job_items:
        notes.wrong("layers", f"stand for {len(pieces)} pictures; a job has at most {limits.max_job_items}")
    notes.refuse()
    template = spec_pb2.RenderSpec()
    template.CopyFrom(common[0] or template)
    template.ClearField("objective")
    return Template(template, layers, pieces)


def _complete(
    request: jobs_pb2.CreateRenderJobRequest, i: int, check: Check, notes: Notes
) -> spec_pb2.RenderSpec | None:
    """Return the effective spec of a layer's first channel; what is wrong with it goes into the notes."""
    spec = Piece(0, request.layers[i].layer, 0).spec(request.template)
    try:
        return check(visualization_pb2.RenderImageRequest(spec=spec)).plan.effective
    except InvalidRequest as fault:
        for violation in fault.violations:
            notes.wrong(_path(violation.field, i), violation.problem)
    except NotServed as fault:
        for violation in fault.violations:
            notes.absent(_path(violation.field, i), violation.problem, kind=fault.kind, name=fault.name)
    return None


def _path(field: str, i: int) -> str:
    """Return where a part of a picture's request stands in the job's."""
    if field.startswith("spec.objective.channel."):
        return f"layers[{i}].{field.rpartition('.')[2]}"
    return field.replace("spec.", "template.", 1)


def _channels(asked: jobs_pb2.JobLayer, layer: catalog_pb2.Layer, path: str, notes: Notes) -> Sequence[int]:
    if not asked.channels:
        return range(layer.channels)
    if not notes.within(f"{path}.channels", len(asked.channels), 0, layer.channels, because=" ranges"):
        return ()
    chosen: dict[int, None] = {}
    for n, each in enumerate(asked.channels):
        place, because = f"{path}.channels[{n}]", f", the channels of layer {layer.name!r}"
        if notes.within(f"{place}.first", each.first, 0, layer.channels - 1, because=because) and notes.within(
            f"{place}.last", each.last, each.first, layer.channels - 1, because=because
        ):
            chosen |= dict.fromkeys(range(each.first, each.last + 1))
    return list(chosen)
