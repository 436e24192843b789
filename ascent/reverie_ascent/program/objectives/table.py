"""The table of forms: how a term's score is computed from the activation of its layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import onnx_ir as ir

from reverie_ascent.graph.fragment import differentiate, fragment
from reverie_ascent.program.objectives import classes, group, linear, match
from reverie_ascent.program.objectives.activation import Activation, Score
from reverie_ascent.recipe.objective import Term

#: How a term's score is computed from the activation of its layer.
Form: TypeAlias = Literal[
    "linear",
    "cosine",
    "squares",
    "region",
    "similarity",
    "l2",
    "all_cosine",
    "dot_cosine",
    "probability",
    "cross_entropy",
    "divergence",
    "diversity",
    "lucent_diversity",
    "alignment",
]

FORMS: Mapping[Form, Callable[[Activation], Score]] = {
    "linear": linear.linear,
    "cosine": linear.cosine,
    "squares": linear.squares,
    "region": linear.region,
    "similarity": linear.similarity,
    "l2": match.l2,
    "all_cosine": match.all_cosine,
    "dot_cosine": match.dot_cosine,
    "probability": classes.probability,
    "cross_entropy": classes.cross_entropy,
    "divergence": classes.divergence,
    "diversity": group.diversity,
    "lucent_diversity": group.lucent_diversity,
    "alignment": group.alignment,
}


def form(term: Term) -> Form:
    """Return the form of a term's score."""
    match term.kind:
        case "channel" | "neuron":
            return "linear"
        case "layer":
            return "squares" if term.region is None else "region"
        case "direction":
            return "cosine" if term.cosine_power > 0 else "linear"
        case "cosine":
            return "similarity"
        case "match":
            return "all_cosine" if term.similarity == "cosine" else term.similarity
        case "diversity":
            return "lucent_diversity" if term.form == "lucent" else "diversity"
        case _:
            return term.kind


def term(form: Form, activation: Activation, *, inner: bool = False) -> ir.Model:
    """Return the fragment activation, weight and the inputs of the form -> score [N], and activation_gradient.

    ``weight`` has a number for each row, [R], of which those of a render add up to its weight; of a form that compares
    the pictures of a group one for each render, [N]. The gradient is that of the sum of the scores; for the ``inner``
    factor of a product, score_gradient [N] is an input.
    """
    a, score = activation, FORMS[form](activation)
    weights = a.renders if score.of_group else a.batch
    inputs = {"activation": a.text, **score.inputs, "weight": f"float[{weights}]"}
    constants, end = dict(score.constants), "score = Mul(weight, plain)"
    if weights != a.renders:
        end = """
            row_scores = Mul(weight, plain)
            render_scores = Reshape(row_scores, grouped_rows)
            score = ReduceSum <keepdims = 0> (render_scores, row_axis)
            """
        constants |= {"grouped_rows": np.array([a.renders, -1]), "row_axis": np.array([1])}
    signature = ", ".join(f"{kind} {name}" for name, kind in inputs.items())
    graph = fragment(f"{form} ({signature}) => (float[{a.renders}] score)", score.body + end, constants)
    model = differentiate(graph, of="score", wrt="activation")
    if not inner:
        (one,) = (value for value in model.graph.inputs if value.name == "score_gradient")
        one.const_value = ir.tensor(np.ones(a.renders, np.float32), name="score_gradient")
        model.graph.inputs.remove(one)
        model.graph.register_initializer(one)
    return model
