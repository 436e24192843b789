"""The catalog of an engine: its models, layers, presets and limits as wire messages, and the check of requests."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from reverie_ascent.maker import Maker
from reverie_ascent.models.repository import Model, ModelRepository, embedded_models
from reverie_ascent.runtime.session import Device
from reverie_proto.scalars import shown
from reverie_proto.sizes import to_message
from reverie_proto.v1 import catalog_pb2

from reverie_server.errors import Violation
from reverie_server.limits import Limits
from reverie_server.request.presets import PRESETS
from reverie_server.request.render_request import RenderRequest, Request, validate
from reverie_server.request.transform_sets import TRANSFORM_SETS
from reverie_server.request.validation import Violations, suggestion, unknown
from reverie_server.version import version

log = logging.getLogger(__name__)


class Catalog:
    """The models of some folders, or the embedded model; raises ModelError if none of them can be served.

    A model that is damaged is listed with its problem, and requests for it are refused with that sentence.
    """

    def __init__(self, folders: Sequence[str | Path] | None, limits: Limits) -> None:
        chosen = [Path(folder) for folder in folders] if folders else [embedded_models()]
        self._repository = ModelRepository(chosen)
        self._report(self._repository.broken)
        self._limits = limits

    def verify(self) -> None:
        """Check every file of every model; a model that differs becomes broken. Raises ModelError if none is left."""
        before = set(self._repository.broken)
        self._repository.verify()
        self._report({name: why for name, why in self._repository.broken.items() if name not in before})

    @property
    def _models(self) -> dict[str, Model]:
        return {model.name: model for model in self._repository.models()}

    def _report(self, broken: Mapping[str, str]) -> None:
        for name, problem in broken.items():
            log.error("the model %s is broken: %s", name, problem)

    def info(self, device: Device, maker: Maker) -> catalog_pb2.ServerInfo:
        """Return version, device, presets and limits."""
        return catalog_pb2.ServerInfo(
            version=version(),
            onnxruntime_version=device.onnxruntime_version,
            providers=device.providers,
            device_class=maker.device_class,
            maker=maker.name,
            presets=[
                catalog_pb2.Preset(name=name, description=preset.description, steps=preset.steps, spec=preset.spec)
                for name, preset in PRESETS.items()
            ],
            transform_sets=[
                catalog_pb2.TransformSet(name=name, description=each.description, steps=each.steps)
                for name, each in TRANSFORM_SETS.items()
            ],
            limits=self._limits.message(),
        )

    def models(self) -> list[catalog_pb2.Model]:
        """Return the models by name, also those that are broken."""
        broken = [catalog_pb2.Model(name=name, problem=why) for name, why in self._repository.broken.items()]
        served = [
            catalog_pb2.Model(
                name=name,
                digest=model.digest,
                description=model.manifest.description,
                layer_count=len(model.manifest.layers),
                labels=model.manifest.labels,
                native_size=to_message(model.native_size) if model.native_size is not None else None,
            )
            for name, model in self._models.items()
        ]
        return sorted(served + broken, key=lambda model: model.name)

    def layers(self, name: str) -> list[catalog_pb2.Layer]:
        """Return the layers of a model, from the picture upwards; raise NotServed if there is no such model."""
        self._refuse_broken(name)
        violations = Violations()
        if not name:
            violations.add("model", f"is required; {suggestion(name, list(self._models))}")
        elif name not in self._models:
            violations.add_not_served("model", unknown("model", name, self._models), kind="model", name=name)
        violations.raise_if_any()
        return [entry.layer for entry in self._models[name].manifest.layers]

    def check(self, request: Request, wrong: Sequence[Violation] = (), *, call: str = "") -> RenderRequest:
        """Check a request and fill in its defaults; `wrong` holds the violations that were found before."""
        self._refuse_broken(request.spec.model)
        return validate(request, self._models, self._limits, wrong=wrong, call=call)

    def _refuse_broken(self, name: str) -> None:
        """Raise NotServed if this is the name of a broken model, with its problem."""
        if name in self._repository.broken:
            violations = Violations()
            problem = f"{shown(name)} is broken: {self._repository.broken[name]}"
            violations.add_not_served("model", problem, kind="model", name=name)
            violations.raise_if_any()
