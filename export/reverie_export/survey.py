"""Finds which layers of a network can be exported, without exporting them.

Every operator between the picture and a layer is differentiated alone, on the shapes that it has in the network. A
layer can be exported if that works for all operators on the path to it; for the others, the obstacle is named.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir
from reverie_gradient import GradientError, MissingRule, UnknownShape, Unrelated, add_gradient, inputs_of, unportable
from reverie_proto.sizes import Size

from reverie_export.errors import NoLayers
from reverie_export.geometry import Geometry
from reverie_export.layer_graph import takes_one_picture
from reverie_export.layers import Target, choose, find_targets
from reverie_export.normalise import OPSET, normalise
from reverie_export.relevance import NO_SIZE, first_obstacle, refuse_independent, without_rule, without_size
from reverie_export.sources.source import Source

NO_PATH = "no gradient leads from it back to the picture"
UNPORTABLE = "its gradient needs operators that some runtimes lack"


@dataclass(frozen=True)
class Obstacle:
    """An operator that blocks layers."""

    operator: str
    problem: str
    nodes: tuple[str, ...]
    blocks: tuple[str, ...]  # layers, from the picture upwards


@dataclass(frozen=True)
class Layer:
    """A layer as it would be exported."""

    name: str
    operator: str
    shape: tuple[int | str, ...]  # of the network's own value; "N" for any number of pictures
    exported: tuple[int | str, ...]  # of the graph's activation: [N, C, h, w] or [N, C]
    min_size: Size
    size_multiple: Size
    fixed_size: Size  # the only height and width; 0 for a free one
    supported: bool
    portable: bool
    problem: str = ""


@dataclass(frozen=True)
class Survey:
    """What can be exported of a network."""

    operators: int
    channels: int
    native_size: Size
    notes: tuple[str, ...]
    normalisation: Mapping[str, object]
    layers: tuple[Layer, ...]
    missing: tuple[Obstacle, ...]  # no gradient: the layers that they block cannot be exported
    unportable: tuple[Obstacle, ...]  # not on every runtime: `--portable` refuses the layers that they block
    warnings: tuple[str, ...] = ()

    @property
    def supported(self) -> int:
        """How many layers can be exported."""
        return sum(layer.supported for layer in self.layers)


@dataclass
class _Verdict:
    """Whether one node can be differentiated."""

    operator: str
    name: str
    silent: bool = False
    problem: str = ""
    unportable: tuple[str, ...] = ()
    unsized: bool = False  # the problem is that a shape is not known


@dataclass
class _Path:
    """The nodes that the gradient of a value passes, by their indices in the graph."""

    nodes: frozenset[int] = field(default_factory=frozenset)


def survey(source: Source, layers: Sequence[str] = (), warnings: Iterable[str] = ()) -> Survey:
    """Survey the network; ``layers`` are names or aliases, all if empty.

    Raises ExportError if there are no layers, or for an unknown one.
    """
    operators, native = len(source.graph.graph), source.native_size
    refuse_independent(source, layers)
    names = normalise(source.graph, source.names)
    graph = source.graph.graph
    try:
        every = find_targets(graph, names, native)
    except NoLayers as e:
        raise NoLayers(f"{e}{first_obstacle(graph)}") from e
    targets = choose(every, layers)
    verdicts, paths = _walk(graph)
    geometry = Geometry(graph)
    found = [_layer(target, paths.get(target.value), verdicts, geometry, native) for target in targets.values()]
    reached = {target.name: paths.get(target.value, _Path()).nodes for target in targets.values()}
    unusable = {name: node for name, (node, _) in without_rule(graph, names, every.values()).items()} | without_size(
        graph, names
    )
    for name, node in (unusable if not layers else {}).items():
        path = paths.get(node.outputs[0].name or "", _Path())
        reached[name] = path.nodes
        problem = _problems(path, verdicts) or [NO_SIZE]
        found.append(_no_layer(name, node, problem[0]))
    normalisation = source.normalisation
    return Survey(
        operators=operators,
        channels=source.channels,
        native_size=native,
        notes=tuple(source.notes),
        normalisation={
            "mean": list(normalisation.mean),
            "std": list(normalisation.std),
            "scale": normalisation.scale,
            "channel_order": normalisation.channel_order,
        },
        layers=tuple(found),
        missing=_obstacles({i: (v.problem,) for i, v in verdicts.items() if v.problem}, verdicts, reached),
        unportable=_obstacles({i: v.unportable for i, v in verdicts.items()}, verdicts, reached),
        warnings=tuple(warnings),
    )


def _no_layer(name: str, node: ir.Node, problem: str) -> Layer:
    """Return the entry of a value that is no layer for a reason: it has no shape and no sizes."""
    none = (0, 0)
    return Layer(
        name=name,
        operator=node.op_type,
        shape=(),
        exported=(),
        min_size=none,
        size_multiple=none,
        fixed_size=none,
        supported=False,
        portable=False,
        problem=problem,
    )


def _problems(path: _Path, verdicts: Mapping[int, _Verdict]) -> list[str]:
    return [f"{v.operator} {v.name!r}: {v.problem}" for i in sorted(path.nodes) if (v := verdicts[i]).problem]


def _layer(
    target: Target, path: _Path | None, verdicts: Mapping[int, _Verdict], geometry: Geometry, native: Size
) -> Layer:
    sizes = target.sizes
    at = native if native in sizes else sizes.least
    one = takes_one_picture(geometry, target.value, *at)
    shape = geometry.shapes(1, *at).get(target.value, ())
    problems = _problems(path, verdicts) if path is not None else [NO_PATH]
    return Layer(
        name=target.name,
        operator=target.operator,
        shape=(1 if one else "N", *shape[1:]),
        exported=(1 if one else "N", *target.arrangement.shape(shape)[1:]),
        min_size=sizes.least,
        size_multiple=sizes.multiple,
        fixed_size=sizes.only,
        supported=not problems,
        portable=not problems and not any(verdicts[i].unportable for i in (path or _Path()).nodes),
        problem=problems[0] if problems else "",
    )


def _obstacles(
    problems: Mapping[int, Sequence[str]], verdicts: Mapping[int, _Verdict], reached: Mapping[str, frozenset[int]]
) -> tuple[Obstacle, ...]:
    """Return an obstacle for each operator and problem, in the order of the graph."""
    nodes: dict[tuple[str, str], list[int]] = {}
    for i, found in problems.items():
        for problem in found:
            nodes.setdefault((verdicts[i].operator, problem), []).append(i)
    return tuple(
        Obstacle(
            operator,
            problem,
            tuple(verdicts[i].name for i in members),
            tuple(name for name, path in reached.items() if not path.isdisjoint(members)),
        )
        for (operator, problem), members in nodes.items()
    )


def _walk(graph: ir.Graph) -> tuple[dict[int, _Verdict], dict[str, _Path]]:
    """Differentiate every node that depends on the picture; return for each value which nodes are on its path."""
    paths = {graph.inputs[0].name or "": _Path()}
    verdicts: dict[int, _Verdict] = {}
    known: dict[Hashable, _Verdict] = {}
    for i, node in enumerate(graph):
        live = [v for v in dict.fromkeys(inputs_of(node)) if v.name in paths]
        if not live:
            continue
        key = _key(node, live)
        verdict = known.get(key) if key is not None else None
        verdict = verdict or _probe(graph, node, live)
        if key is not None:
            known[key] = verdict
        name = node.name or node.outputs[0].name or ""
        before = frozenset().union(*(paths[v.name or ""].nodes for v in live))
        follows = verdict.unsized and any(verdicts[n].problem for n in before)  # an earlier node is the cause
        problem = "" if follows else verdict.problem
        verdicts[i] = _Verdict(verdict.operator, name, verdict.silent, problem, verdict.unportable)
        if not verdict.silent:
            path = _Path(before | {i})
            paths.update({v.name or "": path for v in node.outputs if v.dtype is None or v.dtype.is_floating_point()})
    return verdicts, paths


def _probe(graph: ir.Graph, node: ir.Node, live: Sequence[ir.Value]) -> _Verdict:
    """Differentiate one node, alone."""
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
    verdict = _Verdict(operator, node.name or "")
    entries = [v for v in dict.fromkeys(node.inputs) if v is not None and v.producer() is not None]
    entries += [v for v in live if v not in entries]
    result = next((v for v in node.outputs if v.uses() or v.is_graph_output()), node.outputs[0])
    try:
        alone = ir.convenience.extract(graph, entries, [result])
        alone.opset_imports[""] = OPSET
        wanted = {v.name for v in live if v.dtype is None or v.dtype.is_floating_point()}
        wrt = [v for v in alone.inputs if v.name in wanted]
        add_gradient(alone, of=alone.outputs[0], wrt=wrt, cotangent=ir.Value(name=f"{result.name}.cotangent"))
        verdict.unportable = (UNPORTABLE,) if unportable([node]) else ()
    except Unrelated:
        verdict.silent = True
    except MissingRule as e:
        reason = next(iter(e.reasons.values()), "")
        verdict.problem = f"there is no gradient rule for it{f': {reason}' if reason else ''}"
    except UnknownShape as e:
        verdict.problem, verdict.unsized = str(e), True
    except GradientError as e:
        verdict.problem = str(e)
    except (ArithmeticError, LookupError, TypeError, ValueError) as e:  # rules trust the graph
        verdict.problem = f"its inputs and attributes contradict each other: {e}"
    return verdict


def _key(node: ir.Node, live: Sequence[ir.Value]) -> Hashable:
    """Return what the verdict on a node depends on, None if that is not comparable."""
    inputs: list[Hashable] = []
    for value in node.inputs:
        tensor = value.const_value if value is not None else None
        if value is None or value.shape is None:
            return None
        small = tensor is not None and tensor.size <= 64
        inputs.append((str(value.dtype), str(value.shape), value in live, tensor.numpy().tobytes() if small else b""))  # type: ignore[union-attr]
    attributes = tuple(sorted((name, str(a.value)) for name, a in node.attributes.items()))
    return (node.domain, node.op_type, len(node.outputs), attributes, tuple(inputs))
