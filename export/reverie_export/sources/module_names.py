"""Names the values of an .onnx file after the modules that compute them, as `traced_names` does for torch's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reverie_export.layers import ACTIVATIONS
from reverie_export.sources.scopes import WEIGHTED, Scoped
from reverie_export.sources.traced_names import numbered


def module_names(
    nodes: Sequence[Scoped], weights: Iterable[str], outputs: Iterable[str]
) -> Mapping[str, tuple[str, ...]]:
    """Return the names of values, best first; ``weights`` and ``outputs`` are those of the graph.

    The result of a module without children has the module's path, with a number from the second call on. What another
    module computes itself is its path and the operation, such as ``layer1.0.add``; what that module returns has its
    path, too. Values inside a module without children are its path and the operator.
    """
    leaves = _leaves(nodes, weights)
    units: dict[tuple[str, ...], list[Scoped]] = {}
    runs = _Runs()
    for node in nodes:
        leaf = node.path in leaves
        run = runs.number(node, node.path) if node.repeats and leaf else 0
        runs.pass_by(node)
        units.setdefault((node.path, str(run)) if leaf else (node.path, "", node.call), []).append(node)

    names: defaultdict[str, list[str]] = defaultdict(list)
    taken: dict[str, int] = {}
    inner: list[tuple[Scoped, str]] = []
    operations: set[str] = set()
    for key, members in units.items():
        result = _result(members)
        base = result.path if len(key) == 2 else f"{result.path}.{result.operation}".lstrip(".")
        names[result.value] = [(name := numbered(base, taken)), *(numbered(path, taken) for path in result.also)]
        operations |= {result.value} if len(key) == 3 else set()
        inner += [(node, name) for node in members if node is not result]
    for value, paths in _returned(nodes, leaves, set(outputs)).items():
        found = [numbered(path, taken) for path in paths]
        names[value] = [*found, *names[value]] if value in operations else [*names[value], *found]
    for node, name in inner:
        names[node.value].append(numbered(f"{name}.{node.operator.lower()}", taken))
    return {value: tuple(found) for value, found in names.items()}


class _Runs:
    """Counts the calls of modules that have the same path each time: between two calls another module computes."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._before: tuple[str, ...] = ()

    def number(self, node: Scoped, path: str) -> int:
        """Return the number of the call of ``path`` that the node belongs to."""
        if path not in self._before:
            self._counts[path] = self._counts.get(path, -1) + 1
        return self._counts[path]

    def pass_by(self, node: Scoped) -> None:
        """Remember the modules of a node, in order."""
        self._before = (*node.modules, *node.also)


def _leaves(nodes: Sequence[Scoped], weights: Iterable[str]) -> set[str]:
    """Return the paths of modules without children: no module of the file and no weight of a child is inside."""
    parents = {module for node in nodes for module in node.modules[:-1]}
    for path in {node.path for node in nodes} | {weight.rpartition(".")[0] for weight in weights}:
        while "." in path:
            path = path.rpartition(".")[0]
            parents.add(path)
    return {node.path for node in nodes} - parents - {""}


def _result(members: Sequence[Scoped]) -> Scoped:
    """Return the operator whose result is the module's: the last, except for an activation that Keras puts inside."""
    weighted = next((i for i, node in enumerate(members) if node.operator in WEIGHTED), None)
    if weighted is not None:
        for i in range(weighted + 1, len(members)):
            if members[i].operator in ACTIVATIONS:
                return members[i - 1]
    return members[-1]


def _returned(nodes: Sequence[Scoped], leaves: set[str], outputs: set[str]) -> dict[str, list[str]]:
    """Return the values that modules with children return, with the paths of these, innermost first.

    What a call computes and something outside it uses is what it returns; where that is not one value, none is named.
    """
    runs, calls = _Runs(), dict[str, set[tuple[str, int]]]()
    for node in nodes:
        outer = [module for module in node.modules if module not in leaves]
        calls[node.value] = {(module, runs.number(node, module) if node.repeats else 0) for module in outer}
        runs.pass_by(node)
    users: defaultdict[str, list[set[tuple[str, int]]]] = defaultdict(list)
    for node in nodes:
        for name in node.inputs:
            users[name].append(calls[node.value])
    leaving: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for value, inside in calls.items():
        for call in inside:
            if value in outputs or any(call not in user for user in users[value]):
                leaving[call].append(value)
    returned: defaultdict[str, list[str]] = defaultdict(list)
    for call in sorted(leaving, key=lambda c: (-c[0].count("."), c[1])):
        if len(leaving[call]) == 1:
            returned[leaving[call][0]].append(call[0])
    return returned
