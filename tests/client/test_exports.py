"""The public names of the package: complete, documented, and cheap to import."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import reverie
from reverie import catalog, errors, objectives, pictures

MODULES = (catalog, errors, pictures)
INTERNAL = {"Details"}  # the errors' constructor argument


def defined_in(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def test_every_value_and_error_is_exported() -> None:
    assert set().union(*map(defined_in, MODULES)) - INTERNAL <= set(reverie.__all__)


def test_every_way_to_write_an_objective_is_exported() -> None:
    makers = {
        name
        for name, value in vars(objectives).items()
        if inspect.isfunction(value) and value.__module__ == objectives.__name__ and name[0] != "_"
    }
    assert makers - {"objective_of"} <= set(reverie.__all__)


def test_the_list_of_names_is_sorted_and_correct() -> None:
    assert list(reverie.__all__) == sorted(reverie.__all__)
    assert all(hasattr(reverie, name) for name in reverie.__all__)


@pytest.mark.parametrize("name", sorted(set(reverie.__all__) - {"Event"}))
def test_every_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(reverie, name))
    for method, value in vars(getattr(reverie, name)).items():
        if inspect.isfunction(value) and not method.startswith("_"):
            assert inspect.getdoc(value), method


def test_every_public_name_is_in_the_manual() -> None:
    manual = Path(__file__).parents[2].joinpath("docs/client.md").read_text()
    assert [name for name in reverie.__all__ if name not in manual] == []


@pytest.mark.parametrize(
    "kinds",
    [
        (reverie.SpecOptions, reverie.DeliveryOptions, reverie.RenderOptions, reverie.StreamOptions),
        (reverie.SpecOptions, reverie.JobOptions),
    ],
    ids=["stream", "job"],
)
def test_every_option_is_documented(kinds: tuple[type, ...]) -> None:
    options = kinds[-1].__annotations__
    text = "".join(kind.__doc__ or "" for kind in kinds)
    assert options.keys() >= kinds[0].__annotations__.keys()
    assert [name for name in options if f"{name} " not in text and f"``{name}``" not in text] == []


def test_the_options_of_a_picture_have_the_names_of_a_spec() -> None:
    words = {field.name for field in dataclasses.fields(reverie.Spec)}
    assert reverie.SpecOptions.__annotations__.keys() == words - {"model", "model_digest", "objective"}


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def signatures(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(value).parameters)
            for name, value in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert signatures(reverie.Client) == signatures(reverie.AsyncClient)
    assert inspect.signature(reverie.Client) == inspect.signature(reverie.AsyncClient)


def test_importing_reverie_imports_no_picture_library_and_no_terminal() -> None:
    code = "import sys, reverie; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    assert loaded & {"PIL", "rich", "click", "onnx", "onnxruntime", "torch", "google.rpc", "reverie_server"} == set()
