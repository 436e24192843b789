"""The law of imports as a table; `test_house` enforces it, and `docs/draw_architecture.py` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Law:
    """``folder`` holds a package that may import ``may`` (and the standard library and itself), nothing else.

    ``only`` restricts the import of a package to the named files, or to a folder that ends with a slash; all other
    files have to use these.
    """

    folder: str
    may: frozenset[str]
    only: dict[str, tuple[str, ...]]

    @property
    def package(self) -> str:
        """The package's name."""
        return Path(self.folder).name


def law(folder: str, *may: str, **only: tuple[str, ...]) -> Law:
    """Return the law of one package."""
    return Law(folder, frozenset(may), only)


# What makes, traces and runs networks of torch's.
TORCH = (
    *("called_network.py", "timm_network.py", "torch_network.py", "torch_reference.py", "torch_weights.py"),
    "torchvision_network.py",
)

LAWS = [
    law("proto/reverie_proto", "google", "grpc"),
    law(
        "client/reverie",
        "reverie_proto",
        "grpc",
        "google",
        "numpy",
        "PIL",
        "click",
        "rich",
        "opentelemetry",
        opentelemetry=("_trace.py",),
    ),
    law("gradient/reverie_gradient", "onnx", "onnx_ir", "numpy"),
    law(
        "ascent/reverie_ascent",
        *("reverie_proto", "reverie_gradient", "google"),
        *("onnx", "onnx_ir", "onnxruntime", "numpy", "networkx", "platformdirs"),
        onnxruntime=("ort.py",),
    ),
    law(
        "export/reverie_export",
        *("reverie_proto", "reverie_gradient", "google", "onnx", "onnx_ir", "onnxscript", "numpy", "click", "rich"),
        *("safetensors", "timm", "torch", "torchvision"),
        torch=TORCH,
        torchvision=TORCH,
        timm=("timm_network.py",),
    ),
    # ONNX Runtime and ONNX are reached through reverie_ascent; onnx_ir is there to count what a graph costs.
    law(
        "server/reverie_server",
        *("reverie_proto", "reverie_ascent", "google", "grpc", "numpy", "onnx_ir", "PIL", "click"),
        *("annotated_types", "fsspec", "opentelemetry", "platformdirs", "prometheus_client", "pydantic"),
        *("sqlalchemy", "structlog"),
        grpc=("rpc/", "process/"),
        fsspec=("store/",),
        sqlalchemy=("jobs/",),
        onnx_ir=("scheduler/",),
        opentelemetry=("tracing.py",),
        prometheus_client=("metrics.py",),
        structlog=("logs.py",),
    ),
]

# Within a package: a folder, or a module beside the folders, imports only what stands in a row before its own.
ORDERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ascent/reverie_ascent": (
        ("lazy", "plan", "random", "recipe"),
        ("graph", "maker"),
        ("lowering",),
        ("models", "runtime"),
        ("autotune",),
        ("program",),
        ("result", "schedule", "targets"),
        ("run",),
        ("loop",),
        ("__init__",),
    ),
    # The store stands before the scheduler because it needs nothing of it, and the dispatcher asks the store first.
    "server/reverie_server": (
        ("version", "errors", "limits", "observer"),
        ("request",),
        ("store",),
        ("scheduler",),
        ("dispatch",),
        ("jobs",),
        ("catalog",),
        ("engine",),
        ("rpc",),
        ("page",),
        ("process",),
        ("__init__",),
    ),
}
