"""Checks everything that a server needs; the checks are independent, so all run even if one fails."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reverie_ascent.maker import maker_of
from reverie_ascent.models.repository import ModelRepository, embedded_models
from reverie_ascent.runtime import ort
from reverie_ascent.runtime.devices.table import DEVICES
from reverie_ascent.runtime.session import Device, choose_device
from reverie_proto.sizes import described

from reverie_server.engine import OFF, Engine
from reverie_server.process.places import places, unwritable
from reverie_server.process.redaction import redact_urls
from reverie_server.process.settings import Settings
from reverie_server.process.tls import Certificates, credentials, warnings
from reverie_server.request.picture_size import smallest_size
from reverie_server.rpc.api_keys import ApiKeyFile
from reverie_server.version import version

PACKAGES = ("grpcio", "protobuf", "numpy", "onnx", "onnx-ir", "pydantic")

#: Packages that install into the same folder: the one installed last has overwritten the other.
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


@dataclass(frozen=True)
class Finding:
    """The result of one check: its subject, whether it passed, and a sentence."""

    subject: str
    ok: bool
    detail: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Run one check after the other."""
    for subject, check in CHECKS:
        try:
            detail = check(settings)
        except Exception as error:  # any exception is a finding
            yield Finding(subject, False, str(error) or type(error).__name__)
        else:
            yield Finding(subject, True, detail)


class CheckFailed(Exception):
    """A check found a problem that does not raise an exception by itself."""


def _environment(settings: Settings) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Reverie {version()}, Python {platform.python_version()}, {platform.platform()}, {cores} cores"


def _packages(settings: Settings) -> str:
    return ", ".join(f"{name} {_installed(name) or 'missing'}" for name in PACKAGES)


def _runtime(settings: Settings) -> str:
    installed = [f"{name} {number}" for name in RUNTIMES if (number := _installed(name))]
    if len(installed) == 2:
        raise CheckFailed(
            f"{' and '.join(installed)} are both installed and share a folder: one has overwritten the other. Uninstall"
            " both, then install reverie[server] or reverie[server-gpu]"
        )
    return installed[0] if installed else "built from source"


def _telemetry(settings: Settings) -> str:
    if ort.telemetry_on:
        value = os.environ.get(ort.TELEMETRY, "")
        return f"on: {ort.TELEMETRY}={value} lets ONNX Runtime report to its makers; unset it to report nothing"
    return "off: ONNX Runtime reports nothing to its makers"


def _devices(settings: Settings) -> str:
    return "; ".join(
        f"{each.name} works" if (problem := each.problem()) is None else f"{each.name} does not: {problem}"
        for each in DEVICES.values()
    )


def _device(settings: Settings) -> str:
    device = chosen(settings)
    return f"{device.kind} by {', '.join(device.providers)}, {device.threads} threads; maker {maker_of(device).name}"


def chosen(settings: Settings) -> Device:
    """Return the device that a server with these settings uses; raises the exceptions of `choose_device`."""
    return choose_device(
        settings.device,
        threads=settings.threads,
        exact=settings.exact,
        bfloat16=settings.bfloat16,
        plan=settings.plan,
    )


def _models(settings: Settings) -> str:
    repository = ModelRepository(settings.models or [embedded_models()])
    repository.verify()
    if repository.broken:
        raise CheckFailed("; ".join(f"{name} is broken: {why}" for name, why in repository.broken.items()))
    models = repository.models()
    return ", ".join(f"{model.name} ({len(model.layers)} layers, {model.digest[:12]})" for model in models)


def _step(settings: Settings) -> str:
    with Engine(
        settings.models or None,
        device=settings.device,
        threads=settings.threads,
        exact=settings.exact,
        bfloat16=settings.bfloat16,
        plan=settings.plan,
    ) as engine:
        model = next(model.name for model in engine.models() if not model.problem)
        layer = engine.layers(model)[0]
        size = smallest_size(layer, 64)
        begun = time.perf_counter()
        rendering = engine.render(model, layer.name, 0, size=size, steps=1)
        if rendering.outcome == "non_finite":
            raise CheckFailed(f"one step of {model} {layer.name} gave numbers that are not finite")
        return f"{model} {layer.name} at {described(size)} px, loading included: {time.perf_counter() - begun:.2f} s"


def _store(settings: Settings) -> str:
    store = places(settings).store
    if settings.store is None and store == OFF:
        raise CheckFailed(places(settings).problem)
    if "://" not in store and store != OFF and (why := unwritable(Path(store))):
        raise CheckFailed(f"{store} cannot be written to: {why}; name another place with --store, or `off`")
    return redact_urls(store)


def _jobs(settings: Settings) -> str:
    """Look at the file's place only: to open the file would lock it, and a server may have it open."""
    jobs = places(settings).jobs
    if settings.jobs is None and jobs == OFF:
        raise CheckFailed(places(settings).problem)
    if jobs != OFF and (why := unwritable(Path(jobs).parent)):
        raise CheckFailed(f"{Path(jobs).parent} cannot be written to: {why}; name another file with --jobs, or `off`")
    return jobs


def _scratch(settings: Settings) -> str:
    with tempfile.NamedTemporaryFile() as file:
        return f"{os.path.dirname(file.name)} can be written to"


def _tls(settings: Settings) -> str:
    if not (settings.tls_cert and settings.tls_key):
        return "off"
    certificates = Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    credentials(certificates)
    found = warnings(certificates)
    if any("clients refuse it" in warning for warning in found):
        raise CheckFailed("; ".join(found))
    return "; ".join([str(settings.tls_cert), *found])


def _keys(settings: Settings) -> str:
    if settings.keys is None:
        return "none: every client that reaches the server may use it"
    ApiKeyFile(settings.keys)
    loose = settings.keys.stat().st_mode & 0o022
    if loose and sys.platform != "win32":
        raise CheckFailed(f"{settings.keys} can be written by others; chmod 600 {settings.keys}")
    return str(settings.keys)


def _traces(settings: Settings) -> str:
    if settings.traces and not _installed("opentelemetry-sdk"):
        raise CheckFailed('traces need a package that is missing: pip install "reverie[telemetry]"')
    return "on" if settings.traces else "off"


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


CHECKS: list[tuple[str, Callable[[Settings], str]]] = [
    ("environment", _environment),
    ("packages", _packages),
    ("ONNX Runtime", _runtime),
    ("telemetry", _telemetry),
    ("devices", _devices),
    ("device", _device),
    ("models", _models),
    ("one step", _step),
    ("store", _store),
    ("jobs", _jobs),
    ("scratch space", _scratch),
    ("TLS", _tls),
    ("API keys", _keys),
    ("traces", _traces),
]
