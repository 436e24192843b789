"""Composes the graph of a step program from its fragments.

    state -> decode -> spread -> view0 -> view1 ... -> network -> term -> score
                                                          |
    new state <- optimizer <- decode <- spread <- view0 <- view1 ... <- network
                                  ^
                              penalties

The second line is the backward pass, through the same fragments: each except the optimizer holds its own gradient.

A program has N places, each for one render. A render has G pictures, which are more than one for a group, and the
network sees K views of each. States and pictures have N G rows, what the network sees has N G K. Pictures have C
channels, or C + 1 with an alpha channel (see `alpha`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.models.repository import Model
from reverie_ascent.program import alpha
from reverie_ascent.program.key import ProgramKey
from reverie_ascent.program.objectives import Activation, Form, combine, term
from reverie_ascent.program.optimizers import slots, step_graph
from reverie_ascent.program.parametrizations import bounds, decode, state_shape
from reverie_ascent.program.penalties import penalty
from reverie_ascent.program.redirect import redirect
from reverie_ascent.program.stitch import share, stitch
from reverie_ascent.program.transforms import stages


@dataclass(frozen=True)
class TermTarget:
    """The layer that a term of a program excites."""

    layer: str
    form: Form
    activation: Activation


def term_targets(model: Model, key: ProgramKey, batch: int) -> tuple[TermTarget, ...]:
    """Return the target of each term of a program for ``batch`` renders."""
    targets = []
    for layer, form in key.terms:
        entry = model.layers[layer]
        height, width = model.grid(layer, key.seen_size)
        rows = batch * key.network_pictures
        activation = Activation(
            rows, entry.layer.channels, height, width, entry.layer.spatial, group=key.pictures, views=key.views
        )
        targets.append(TermTarget(layer, form, activation))
    return tuple(targets)


@dataclass
class _Circuit:
    """The fragments and wires of a program that is being composed."""

    fragments: dict[str, ir.Model] = field(default_factory=dict)
    wires: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, graph: ir.Model, **wires: str) -> None:
        self.fragments[name] = graph
        self.wires.update({f"{name}.{port}": source for port, source in wires.items()})

    def sum(self, name: str, sources: Sequence[str], shape: Sequence[int]) -> str:
        """Return the port of the sum of values of one shape; add a fragment for it if there is more than one value."""
        if len(sources) == 1:
            return sources[0]
        kind = f"float[{', '.join(map(str, shape))}]"
        names = [f"part{i}" for i in range(len(sources))]
        parameters = ", ".join(f"{kind} {part}" for part in names)
        text = f"{name} ({parameters}) => ({kind} total)"
        self.add(name, fragment(text, f"total = Sum({', '.join(names)})"), **dict(zip(names, sources, strict=True)))
        return f"{name}.total"


def compose(model: Model, key: ProgramKey, batch: int) -> ir.Model:
    """Return the graph of one step of ``batch`` renders.

    Inputs: state and the optimizer's slots; its coefficients [N G, 1, 1, 1]; for each stage i of the transforms the
    inputs of its draws, view{i}.*; for each term i term{i}.weight and the inputs of its form; for each penalty
    penalty{i}.weight (negative, since penalties are subtracted) and .constant; importance if it is asked for; redirect
    [N G K] if a target is rectified (see `redirect`). Outputs: new_state, new_* of the slots, new_importance; score
    [N]; reach and extent [N G] and, if every target is rectified, awake [N G K].
    """
    circuit, channels = _Circuit(), model.channels
    pictures = batch * key.pictures
    picture_shape = (pictures, channels + key.alpha, *key.size)
    picture_decoder = alpha.decode if key.alpha else decode
    circuit.add("decode", picture_decoder(key.parametrization, key.size, pictures, channels), state="state")
    view, back = "decode.picture", "objective_gradient"
    backs: dict[str, str] = {}
    if key.views > 1:
        circuit.add("spread", _spread(picture_shape, key.views), picture=view)
        backs[back] = "spread.picture_gradient"
        view, back = "spread.view", "spread.view_gradient"
    for i, stage in enumerate(stages(key.transforms, key.size, key.seen_size, alpha=key.alpha)):
        circuit.add(f"view{i}", stage.graph(batch * key.network_pictures, channels), picture=view)
        backs[back] = f"view{i}.picture_gradient"
        view, back = f"view{i}.view", f"view{i}.view_gradient"

    targets = term_targets(model, key, batch)
    multiplied = {i for product in key.products for i in product}
    layers = {target.layer: target.activation for target in targets}
    gradients = []
    awake = []
    for i, (layer, activation) in enumerate(layers.items()):
        network, rectified = _network(model, layer, key.seen_size, activation)
        wires = {"redirect": "redirect"} if rectified else {}
        circuit.add(f"network{i}", network, image=view, **wires)
        gradients.append(f"network{i}.gradient")
        awake += [f"network{i}.awake"] if rectified else []
        here = [n for n, target in enumerate(targets) if target.layer == layer]
        for n in here:
            graph = term(targets[n].form, activation, inner=n in multiplied)
            wires = {"score_gradient": f"products.score{n}_gradient"} if n in multiplied else {}
            circuit.add(f"term{n}", graph, activation=f"network{i}.activation", **wires)
        pulls = [f"term{n}.activation_gradient" for n in here]
        circuit.wires[f"network{i}.cotangent"] = circuit.sum(f"pull{i}", pulls, activation.shape)
    seen_shape = (batch * key.network_pictures, channels, *key.seen_size)
    seen_gradient = circuit.sum("gradient", gradients, seen_shape)
    scores = [f"term{n}.score" for n in range(len(targets))]
    if key.products:
        wires = {f"score{n}": f"term{n}.score" for n in multiplied}
        circuit.add("products", combine(key.products, batch), **wires)
        scores = [score for n, score in enumerate(scores) if n not in multiplied] + ["products.score"]
    score = circuit.sum("score", scores, (batch,))

    if key.alpha:
        fade = alpha.fade(picture_shape, batch, seen_shape)
        circuit.add("fade", fade, score=score, picture="decode.picture", gradient=seen_gradient)
    backs[back] = "fade.faded_gradient" if key.alpha else seen_gradient

    objective_gradient = backs.pop("objective_gradient")
    circuit.wires |= backs
    pulls = [objective_gradient] + (["fade.alpha_gradient"] if key.alpha else [])
    for i, kind in enumerate(key.penalties):
        circuit.add(f"penalty{i}", penalty(kind, picture_shape), picture="decode.picture")
        pulls.append(f"penalty{i}.picture_gradient")
    circuit.wires["decode.picture_gradient"] = circuit.sum("picture_gradient", pulls, picture_shape)

    shape = (alpha.state_shape if key.alpha else state_shape)(key.parametrization, key.size, pictures, channels)
    graph = step_graph(key.optimizer, shape, bounds=bounds(key.parametrization))
    same = {value.name: value.name for value in graph.graph.inputs if value.name and value.name != "gradient"}
    circuit.add("optimizer", graph, gradient="decode.state_gradient", **same)
    changed = ("new_state", *(f"new_{slot}" for slot in slots(key.optimizer)))
    outputs = {name: f"optimizer.{name}" for name in (*changed, "reach", "extent")}
    outputs["score"] = score
    if key.importance:
        circuit.add("importance", _importance(picture_shape), importance="importance", gradient=objective_gradient)
        outputs["new_importance"] = "importance.new_importance"
    if len(awake) == len(layers):
        outputs["awake"] = circuit.sum("awake", awake, (batch * key.network_pictures,))
    program = stitch(circuit.fragments, circuit.wires, outputs)
    if len(layers) > 1:
        share(program)
    return program


def _spread(picture_shape: tuple[int, ...], views: int) -> ir.Model:
    """Return the fragment picture [B, C, H, W] -> view [B K, C, H, W]: each picture K times, one after the other."""
    pictures, *rest = picture_shape
    sides = ", ".join(map(str, rest))
    graph = fragment(
        f"spread (float[{pictures}, {sides}] picture) => (float[{pictures * views}, {sides}] view)",
        """
        single = Reshape(picture, apart)
        repeated = Expand(single, times)
        view = Reshape(repeated, rows)
        """,
        {
            "apart": np.array([pictures, 1, *rest]),
            "times": np.array([pictures, views, *rest]),
            "rows": np.array([pictures * views, *rest]),
        },
    )
    return differentiate(graph, of="view", wrt="picture")


def _importance(picture_shape: tuple[int, ...]) -> ir.Model:
    """Return the fragment that adds the absolute gradient of this step to the sum over all steps."""
    kind = f"float[{', '.join(map(str, picture_shape))}]"
    return fragment(
        f"importance ({kind} importance, {kind} gradient) => ({kind} new_importance)",
        "size = Abs(gradient) new_importance = Add(importance, size)",
    )


def _network(model: Model, layer: str, size: Size, activation: Activation) -> tuple[ir.Model, bool]:
    """Return the graph of a layer, its gradient redirected, and whether it is rectified.

    The symbolic sizes inside are removed: they all follow from the size of what the network sees.
    """
    network = model.graph(layer)
    shapes = {"image": (activation.batch, model.channels, *size), "cotangent": activation.shape}
    for value in network.graph.inputs:
        value.shape = ir.Shape(shapes[value.name or ""])
    rectified = redirect(network)
    for node in network.graph:
        for value in node.outputs:
            if not value.is_graph_output() or value.name != "awake":
                value.shape = None
    return network, rectified
