"""The law of imports: which package may know which."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Law:
    """``folder`` holds a package that may import ``may`` (and the standard library and itself), nothing else.

    ``only`` confines a package to the files named: a door that everything else has to go through.
    """

    folder: str
    may: frozenset[str]
    only: dict[str, tuple[str, ...]]


def law(folder: str, *may: str, **only: tuple[str, ...]) -> Law:
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
        "export/reverie_export",
        *("reverie_proto", "reverie_gradient", "google", "onnx", "onnx_ir", "onnxscript", "numpy", "click", "rich"),
        *("safetensors", "timm", "torch", "torchvision"),
        torch=TORCH,
        torchvision=TORCH,
        timm=("timm_network.py",),
    ),
    law(
        "server/reverie_server",
        *(
            "reverie_proto",
            "reverie_gradient",
            "google",
            "grpc",
            "onnx",
            "onnx_ir",
            "onnxruntime",
            "numpy",
            "PIL",
            "click",
            "networkx",
            "platformdirs",
            "fsspec",
            "sqlalchemy",
            "annotated_types",
            "opentelemetry",
            "prometheus_client",
            "pydantic",
            "structlog",
        ),
        onnxruntime=("runtime.py",),
        opentelemetry=("tracing.py",),
        prometheus_client=("metrics.py",),
        structlog=("logs.py",),
    ),
]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every top-level package that a file imports, and whether a function has to be called for it."""
    tree = ast.parse(path.read_text(), str(path))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield (node.module or "").split(".")[0], id(node) in inside


def files(law: Law) -> list[Path]:
    found = sorted((ROOT / law.folder).rglob("*.py"))
    assert found, f"{law.folder} is empty"
    return found


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_a_package_imports_only_what_the_law_allows(law: Law) -> None:
    allowed = law.may | sys.stdlib_module_names | {Path(law.folder).name}
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(law)
        for name, _ in imports(path)
        if name not in allowed
    ]
    assert broken == []


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.folder)
def test_a_heavy_package_comes_in_through_one_door(law: Law) -> None:
    broken = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(law)
        for name, _ in imports(path)
        if name in law.only and path.name not in law.only[name]
    ]
    assert broken == []


def test_torch_is_imported_only_when_a_function_asks_for_it() -> None:
    export = next(law for law in LAWS if law.folder.startswith("export/"))
    eager = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(export)
        for name, deferred in imports(path)
        if name in {"timm", "torch", "torchvision"} and not deferred
    ]
    assert eager == []


def test_the_law_covers_every_package() -> None:
    packages = {str(init.parent.relative_to(ROOT)) for init in ROOT.glob("*/reverie*/__init__.py")}
    assert packages == {law.folder for law in LAWS}
