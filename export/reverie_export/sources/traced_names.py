"""What the values of a traced network are called: after the modules that compute them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def traced_names(program: Any, module: Any, field_names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Name the values of ``program``, a traced ``module``, best name first.

    A leaf module's result has the module's path, with a number from the second call on; what the method of any other
    module computes is its path and the operation, such as ``layer1.0.add``. Names in ``field_names`` come before.
    """
    leaves = {path for path, child in module.named_modules() if not any(child.children())}
    last: dict[tuple[str, ...], str] = {}  # of each call of a leaf, or of each single operation: the value it ends in
    base: dict[tuple[str, ...], str] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        stack = node.meta.get("nn_module_stack") or {}
        call, (path, _) = list(stack.items())[-1] if stack else ("", ("", None))
        path = path.partition("@")[0]
        operation = re.sub(r"_\d+$", "", node.name)
        key: tuple[str, ...] = (call,) if path in leaves and path else (call, node.name)
        base[key] = path if len(key) == 1 else f"{path}.{operation}".lstrip(".")
        last[key] = node.name
    names: dict[str, tuple[str, ...]] = {}
    taken: dict[str, int] = {}
    for key, value in last.items():
        repeat = taken.setdefault(base[key], 0)
        taken[base[key]] += 1
        name = f"{base[key]}_{repeat}" if repeat else base[key]
        names[value] = (field_names[name], name) if name in field_names else (name,)
    return names
