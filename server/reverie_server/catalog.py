"""The catalog of an engine: its models, layers, presets and limits as wire messages, and the check of requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reverie_ascent.maker import Maker
from reverie_ascent.models.repository import ModelRepository, embedded_models
from reverie_ascent.runtime.session import Device
from reverie_proto.sizes import to_message
from reverie_proto.v1 import catalog_pb2

from reverie_server.errors import Violation
from reverie_server.limits import Limits
from reverie_server.request.presets import PRESETS
from reverie_server.request.render_request import RenderRequest, Request, validate
from reverie_server.request.validation import Violations, suggestion, unknown
from reverie_server.version import version


class Catalog:
    """The models of some folders, or the embedded model; raises ModelError for a folder that cannot be served."""

    def __init__(self, folders: Sequence[str | Path] | None, limits: Limits) -> None:
        chosen = [Path(folder) for folder in folders] if folders else [embedded_models()]
        self._models = {model.name: model for model in ModelRepository(chosen).models()}
        self._limits = limits

    def verify(self) -> None:
        """Check every file of every model against its digest; raise ModelError for the first that differs."""
        for model in self._models.values():
            model.verify()

    def info(self, device: Device, maker: Maker) -> catalog_pb2.ServerInfo:
        """Return version, device, presets and limits."""
        return catalog_pb2.ServerInfo(
            version=version(),
            onnxruntime_version=device.onnxruntime_version,
            providers=device.providers,
            device_class=maker.device_class,
            maker=maker.name,
            presets=[
                catalog_pb2.Preset(name=name, description=preset.description, steps=preset.steps)
                for name, preset in PRESETS.items()
            ],
            limits=self._limits.message(),
        )

    def models(self) -> list[catalog_pb2.Model]:
        """Return the models, by name."""
        return [
            catalog_pb2.Model(
                name=name,
                digest=model.digest,
                description=model.manifest.description,
                layer_count=len(model.manifest.layers),
                labels=model.manifest.labels,
                native_size=to_message(model.native_size) if model.native_size is not None else None,
            )
            for name, model in sorted(self._models.items())
        ]

    def layers(self, name: str) -> list[catalog_pb2.Layer]:
        """Return the layers of a model, from the picture upwards; raise NotServed if there is no such model."""
        violations = Violations()
        if not name:
            violations.add("model", f"is required; {suggestion(name, list(self._models))}")
        elif name not in self._models:
            violations.add_not_served("model", unknown("model", name, self._models), kind="model", name=name)
        violations.raise_if_any()
        return [entry.layer for entry in self._models[name].manifest.layers]

    def check(self, request: Request, wrong: Sequence[Violation] = (), *, call: str = "") -> RenderRequest:
        """Check a request and fill in its defaults; `wrong` holds the violations that were found before."""
        return validate(request, self._models, self._limits, wrong=wrong, call=call)
