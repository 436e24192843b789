"""Values on the command line, written as calls: "fourier(decay_power=1.5)", "pad(12), jitter(8), scale((0.9, 1.1))"."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from reverie_proto.names import nearest

from reverie._command.failure import Failure
from reverie.values import Value


def single(text: str, module: ModuleType, option: str) -> str | Value:
    """Return the value that a text names or calls; a mere name stands for itself, which the server completes.

    Raises Failure, which names the option, if the text is not a name or a call of one of the module's functions.
    """
    node = _parsed(text, option)
    if isinstance(node, ast.Name):
        return node.id
    return _called(node, text, _functions(module), option)


def several(text: str, module: ModuleType, option: str) -> str | list[Value]:
    """Return the list of values that a text calls, separated by commas; a single mere name is the name of a set."""
    node = _parsed(text, option)
    if isinstance(node, ast.Name):
        return node.id
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return [_called(part, text, _functions(module), option) for part in parts]


def _functions(module: ModuleType) -> Mapping[str, Any]:
    return {name: made for name, made in vars(module).items() if callable(made) and made.__module__ == module.__name__}


def _parsed(text: str, option: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Failure(f"{option} {text!r} cannot be read: write a name, or calls such as jitter(8).") from None


def _called(node: ast.expr, text: str, functions: Mapping[str, Any], option: str) -> Value:
    """Return what a call of one of the functions with constants returns."""
    if isinstance(node, ast.Name):
        node = ast.Call(node, [], [])
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise Failure(f"{option} {text!r} cannot be read: write calls such as {next(iter(functions))}(...).")
    name = node.func.id
    if name not in functions:
        near = nearest(name, list(functions))
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(functions)}."
        raise Failure(f"{option}: there is no {name!r}; {hint}")
    try:
        positional = [_constant(each, functions, text, option) for each in node.args]
        names = [each.arg for each in node.keywords]
        if twice := next((arg for arg in names if names.count(arg) > 1), None):
            raise ValueError(f"{twice} is given twice")
        named = {each.arg or "": _constant(each.value, functions, text, option) for each in node.keywords}
        made: Value = functions[name](*positional, **named)
    except (TypeError, ValueError) as error:
        raise Failure(f"{option} {text!r}: {error}.") from None
    return made


def _constant(node: ast.expr, functions: Mapping[str, Any], text: str, option: str) -> Any:
    if isinstance(node, ast.Call):
        return _called(node, text, functions, option)
    try:
        return ast.literal_eval(node)
    except ValueError:  # its message has the address of the node
        part = ast.get_source_segment(text.strip(), node)
        raise ValueError(f"{part} is not a number, a text in quotes, or a list") from None
