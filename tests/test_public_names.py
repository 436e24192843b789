"""The public names of the packages that load them lazily: three lists that have to agree."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

PACKAGES = ["reverie_ascent", "reverie_server"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_for_python_and_for_type_checkers(package: str) -> None:
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert sorted(typed) == module.__all__
    for name, home in typed.items():
        assert getattr(module, name) is getattr(importlib.import_module(str(home)), name)
        assert name in dir(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        importlib.import_module(package).nothing  # noqa: B018
