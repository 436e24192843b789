"""Composes the graph of a step program from its fragments.

    state -> decode -> resample -> turn -> network -> term -> score
                                                       |
    new state <- adam <- decode <- resample <- turn <- network

The second line is the backward pass, through the same fragments: each except Adam holds its own gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx_ir as ir
from reverie_proto.sizes import Size

from reverie_ascent.graph.fragment import fragment
from reverie_ascent.models.repository import Model
from reverie_ascent.program.adam import adam
from reverie_ascent.program.decode import decode, state_shape
from reverie_ascent.program.key import Form, ProgramKey
from reverie_ascent.program.objective import Activation, term
from reverie_ascent.program.redirect import redirect
from reverie_ascent.program.stitch import share, stitch
from reverie_ascent.program.transform_sizes import TransformSizes
from reverie_ascent.program.transforms import resample, turn


@dataclass(frozen=True)
class TermTarget:
    """The layer that a term of a program excites."""

    layer: str
    form: Form
    activation: Activation


def term_targets(model: Model, key: ProgramKey, batch: int) -> tuple[TermTarget, ...]:
    """Return the target of each term of a program."""
    targets = []
    for layer, form in key.terms:
        entry = model.layers[layer]
        height, width = model.grid(layer, key.size)
        activation = Activation(batch, entry.layer.channels, height, width, entry.layer.spatial)
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
    """Return the graph of one step.

    Inputs: state, m, v; rate, b1, b2 [N, 1, 1, 1]; with transforms those of `resample` and `turn`; for each term i
    term{i}.weight and the inputs of its form; redirect [N] if a target is rectified (see `redirect`). Outputs:
    new_state, new_m, new_v; score, reach, extent and, if every target is rectified, awake, all [N].
    """
    circuit, channels = _Circuit(), model.channels
    circuit.add("decode", decode(key.parametrization, key.size, batch, channels), state="state")
    view, back = "decode.picture", "decode.picture_gradient"
    if key.transforms == "lucid":
        sizes = TransformSizes.of(key.size)
        circuit.add(
            "resample",
            resample(sizes, batch, channels),
            picture="decode.picture",
            rows="rows",
            row_border="row_border",
            columns="columns",
            column_border="column_border",
            canvas_gradient="turn.canvas_gradient",
        )
        views = turn(sizes, batch, channels)
        circuit.add("turn", views, canvas="resample.canvas", there="there", mask="mask", back="back")
        circuit.wires["decode.picture_gradient"] = "resample.picture_gradient"
        view, back = "turn.view", "turn.view_gradient"

    targets = term_targets(model, key, batch)
    layers = {target.layer: target.activation for target in targets}
    gradients = []
    awake = []
    for i, (layer, activation) in enumerate(layers.items()):
        network, rectified = _network(model, layer, key.size, activation)
        wires = {"redirect": "redirect"} if rectified else {}
        circuit.add(f"network{i}", network, image=view, **wires)
        gradients.append(f"network{i}.gradient")
        awake += [f"network{i}.awake"] if rectified else []
        here = [n for n, target in enumerate(targets) if target.layer == layer]
        for n in here:
            circuit.add(f"term{n}", term(targets[n].form, activation), activation=f"network{i}.activation")
        pulls = [f"term{n}.activation_gradient" for n in here]
        circuit.wires[f"network{i}.cotangent"] = circuit.sum(f"pull{i}", pulls, activation.shape)
    circuit.wires[back] = circuit.sum("gradient", gradients, (batch, channels, *key.size))
    score = circuit.sum("score", [f"term{n}.score" for n in range(len(targets))], (batch,))

    circuit.add(
        "adam",
        adam(state_shape(key.parametrization, key.size, batch, channels)),
        state="state",
        m="m",
        v="v",
        rate="rate",
        b1="b1",
        b2="b2",
        gradient="decode.state_gradient",
    )
    outputs = {name: f"adam.{name}" for name in ("new_state", "new_m", "new_v", "reach", "extent")}
    outputs["score"] = score
    if len(awake) == len(layers):
        outputs["awake"] = circuit.sum("awake", awake, (batch,))
    program = stitch(circuit.fragments, circuit.wires, outputs)
    if len(layers) > 1:
        share(program)
    return program


def _network(model: Model, layer: str, size: Size, activation: Activation) -> tuple[ir.Model, bool]:
    """Return the graph of a layer, its gradient redirected, and whether it is rectified.

    The symbolic sizes inside are removed: they all follow from the picture's size.
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
