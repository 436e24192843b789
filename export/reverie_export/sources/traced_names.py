"""Names the values of a traced network after the modules that compute them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Call = str  # one call of one module, as torch's tracer marks it


def traced_names(program: Any, module: Any, field_names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Name the values of ``program``, a traced ``module``, best name first.

    A leaf module's result has the module's path, with a number from the second call on: ``relu``, ``relu_1``. What the
    method of any other module computes is its path and the operation, such as ``layer1.0.add``; what that module
    returns has its path, such as ``layer1.0``. Best are names in ``field_names``, then paths, the leaf's first.
    """
    leaves = {path for path, child in module.named_modules() if not any(child.children())}
    last: dict[tuple[str, ...], str] = {}  # of each call of a leaf, or of each single operation: the value it ends in
    base: dict[tuple[str, ...], str] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        calls = _calls(node)
        call, path = calls[-1] if calls else ("", "")
        operation = re.sub(r"_\d+$", "", node.name)
        key: tuple[str, ...] = (call,) if path in leaves and path else (call, node.name)
        base[key] = path if len(key) == 1 else f"{path}.{operation}".lstrip(".")
        last[key] = node.name
    names: defaultdict[str, list[str]] = defaultdict(list)
    taken: dict[str, int] = {}
    for key, value in last.items():
        name = numbered(base[key], taken)
        names[value] = [field_names[name], name] if name in field_names else [name]
    by_operation = {value for key, value in last.items() if len(key) > 1}
    for value, paths in _returned(program, leaves).items():
        found = [numbered(path, taken) for path in paths]
        names[value] = [*found, *names[value]] if value in by_operation else [*names[value], *found]
    return {value: tuple(found) for value, found in names.items()}


def _calls(node: Any) -> list[tuple[Call, str]]:
    """Return the calls of modules that a node is part of, outermost first, each with the module's path."""
    stack = node.meta.get("nn_module_stack") or {}
    return [(call, path.partition("@")[0]) for call, (path, _) in stack.items()]


def _returned(program: Any, leaves: set[str]) -> dict[str, list[str]]:
    """Return the values that modules with children return, with the paths of these, innermost first.

    What a call computes and something outside it uses is what it returns; where that is not one value, none is named.
    """
    leaving: defaultdict[Call, dict[str, None]] = defaultdict(dict)
    paths: dict[Call, str] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        inside = [{call for call, _ in _calls(user)} for user in node.users]
        for call, path in _calls(node):
            if path and path not in leaves and any(call not in calls for calls in inside):
                leaving[call][node.name] = None
                paths[call] = path
    returned: defaultdict[str, list[str]] = defaultdict(list)
    for call in sorted(leaving, key=lambda c: -paths[c].count(".")):
        if len(leaving[call]) == 1:
            (value,) = leaving[call]
            returned[value].append(paths[call])
    return returned


def numbered(name: str, taken: dict[str, int]) -> str:
    """Return the name, with a number from the second time on."""
    repeat = taken.setdefault(name, 0)
    taken[name] += 1
    return f"{name}_{repeat}" if repeat else name
