"""Validates a request for a job: the spec that its pictures share, and the layer and channel of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reverie_proto.sizes import Size, from_message, to_message
from reverie_proto.v1 import catalog_pb2, jobs_pb2, spec_pb2, visualization_pb2

from reverie_server.errors import InvalidRequest, NotServed, Violation
from reverie_server.limits import Limits
from reverie_server.request.picture_size import default_size
from reverie_server.request.render_request import RenderRequest, Request, check_request_id
from reverie_server.request.validation import Violations


class Check(Protocol):
    """Checks a request and fills in its defaults: `Engine.check`."""

    def __call__(self, request: Request, *, call: str = "") -> RenderRequest:
        """Return the valid request; raise InvalidRequest or NotServed."""


@dataclass(frozen=True)
class Item:
    """One picture of a job: the channel that it shows, and its index in the order of the request."""

    index: int
    layer: str
    channel: int
    #: The seed; None for the template's.
    seed: int | None = None

    def spec(self, template: spec_pb2.RenderSpec) -> spec_pb2.RenderSpec:
        """Return the spec of this picture: the template with its channel as the objective."""
        spec = spec_pb2.RenderSpec()
        spec.CopyFrom(template)
        spec.objective.channel.SetInParent()
        spec.objective.channel.layer, spec.objective.channel.channel = self.layer, self.channel
        if self.seed is not None:
            spec.seed = self.seed
        return spec


@dataclass(frozen=True)
class JobRequest:
    """A valid request for a job, with every default filled in."""

    common: spec_pb2.RenderSpec
    layers: Sequence[jobs_pb2.JobLayer]
    items: Sequence[Item]
    seeds: Sequence[int] = ()

    def message(self) -> jobs_pb2.CreateRenderJobRequest:
        """Return the request with every default filled in."""
        return jobs_pb2.CreateRenderJobRequest(template=self.common, layers=self.layers, seeds=self.seeds)

    def require_same(self, request: bytes) -> None:
        """Raise InvalidRequest unless a stored request (serialized) has the same pictures."""
        if jobs_pb2.CreateRenderJobRequest.FromString(request) != self.message():
            raise InvalidRequest([Violation("request_id", "stands for another job already; take a new one")])


def validate(
    request: jobs_pb2.CreateRenderJobRequest,
    check: Check,
    channels: Callable[[str], dict[str, catalog_pb2.Layer]],
    limits: Limits,
) -> JobRequest:
    """Return the pictures of a request; raise InvalidRequest or NotServed with all its violations.

    `check` validates the request for one picture; `channels` returns the layers of a served model by name.
    """
    violations = Violations()
    check_request_id(request, violations)
    if request.template.objective.WhichOneof("kind") is not None:
        violations.add("template.objective", "is given by layers; leave it empty")
    ranges = sum(len(each.channels) for each in request.layers)
    if not (
        violations.check_range("layers", len(request.layers), 1, limits.max_job_items, because=" entries")
        and violations.check_range("layers", ranges, 0, limits.max_job_items, because=" ranges of channels")
    ):
        violations.raise_if_any()  # before anything that takes time for each entry
    _check_seeds(request, limits, violations)
    common = [_complete(request, i, check, violations) for i in range(len(request.layers))]
    layers: list[jobs_pb2.JobLayer] = []
    items: list[Item] = []
    seen: set[str] = set()
    known = channels(request.template.model) if any(common) else {}
    if size := _common_size(common, known):
        request = _with_size(request, size)
        common = [_complete(request, i, check, violations) for i in range(len(request.layers))]
    for i, (requested, effective) in enumerate(zip(request.layers, common, strict=False)):
        if effective is None:
            continue  # its violations are collected already
        layer = known[effective.objective.channel.layer]
        if layer.name in seen:
            problem = f"layer {layer.name!r} is there twice; give all of its channels in one"
            violations.add(f"layers[{i}].layer", problem)
        seen.add(layer.name)
        layers.append(jobs_pb2.JobLayer(layer=layer.name, channels=requested.channels))
        chosen = _channels(requested, layer, f"layers[{i}]", violations)
        each: Sequence[int | None] = request.seeds or [None]
        wanted = [(channel, seed) for channel in chosen for seed in each]
        items += [Item(len(items) + n, layer.name, channel, seed) for n, (channel, seed) in enumerate(wanted)]
    if len(items) > limits.max_job_items:
        violations.add("layers", f"stand for {len(items)} pictures; a job has at most {limits.max_job_items}")
    violations.raise_if_any()
    template = spec_pb2.RenderSpec()
    template.CopyFrom(common[0] or template)
    template.ClearField("objective")
    return JobRequest(template, layers, items, list(request.seeds))


def _check_seeds(request: jobs_pb2.CreateRenderJobRequest, limits: Limits, violations: Violations) -> None:
    if not violations.check_range("seeds", len(request.seeds), 0, limits.max_job_items, because=" seeds"):
        violations.raise_if_any()
    seen: set[int] = set()
    for i, seed in enumerate(request.seeds):
        if seed in seen:
            violations.add(f"seeds[{i}]", f"{seed} is there twice; give each seed once")
        seen.add(seed)


def _complete(
    request: jobs_pb2.CreateRenderJobRequest, i: int, check: Check, violations: Violations
) -> spec_pb2.RenderSpec | None:
    """Return the effective spec of a layer's first channel, or None if it has violations, which are collected."""
    spec = Item(0, request.layers[i].layer, 0).spec(request.template)
    try:
        return check(visualization_pb2.RenderImageRequest(spec=spec)).effective
    except InvalidRequest as fault:
        for violation in fault.violations:
            violations.add(_path(violation.field, i), violation.problem)
    except NotServed as fault:
        for violation in fault.violations:
            violations.add_not_served(_path(violation.field, i), violation.problem, kind=fault.kind, name=fault.name)
    return None


def _common_size(common: Sequence[spec_pb2.RenderSpec | None], known: Mapping[str, catalog_pb2.Layer]) -> Size | None:
    """Return the size that all pictures share if the layers have different default sizes, None if they have not."""
    specs = [spec for spec in common if spec is not None]
    sizes = {from_message(spec.size) for spec in specs}
    if len(sizes) < 2:
        return None
    return default_size(from_message(specs[0].size), [known[spec.objective.channel.layer] for spec in specs])


def _with_size(request: jobs_pb2.CreateRenderJobRequest, size: Size) -> jobs_pb2.CreateRenderJobRequest:
    sized = jobs_pb2.CreateRenderJobRequest()
    sized.CopyFrom(request)
    sized.template.size.CopyFrom(to_message(size))
    return sized


def _path(field: str, i: int) -> str:
    """Return the path in the job's request of a field of a picture's request."""
    if field.startswith("spec.objective.channel."):
        return f"layers[{i}].{field.rpartition('.')[2]}"
    return field.replace("spec.", "template.", 1)


def _channels(
    requested: jobs_pb2.JobLayer, layer: catalog_pb2.Layer, path: str, violations: Violations
) -> Sequence[int]:
    if not requested.channels:
        return range(layer.channels)
    if not violations.check_range(f"{path}.channels", len(requested.channels), 0, layer.channels, because=" ranges"):
        return ()
    chosen: dict[int, None] = {}
    for n, each in enumerate(requested.channels):
        place, because = f"{path}.channels[{n}]", f", the channels of layer {layer.name!r}"
        last = layer.channels - 1
        first_ok = violations.check_range(f"{place}.first", each.first, 0, last, because=because)
        if first_ok and violations.check_range(f"{place}.last", each.last, each.first, last, because=because):
            chosen |= dict.fromkeys(range(each.first, each.last + 1))
    return list(chosen)
