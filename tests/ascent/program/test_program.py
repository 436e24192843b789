"""The step program: one graph of standard operators, of fixed sizes, run once a step."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from reverie_ascent.models.repository import WEIGHTS, Model
from reverie_ascent.program import program_key
from reverie_ascent.program.compose import compose
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.parametrization import Pixel
from reverie_ascent.runtime.session import Binding, Device, Session

from tests.ascent.climbing import climb

SIZE, BATCH = (12, 18), 2

# Operators that few runtimes support on an accelerator, that draw random numbers in the runtime, or that are slow.
NEVER = re.compile(r"Loop|Scan|If|.*DFT|STFT|Random.*|Bernoulli|Multinomial|Scatter.*|MaxUnpool|ConvTranspose|NonZero")

# Arithmetic on sizes and masks by comparison: gone once the sizes are known.
FOLDED = {"Shape", "Where", "Greater", "Less", "Equal", "Cast", "Range", "ConstantOfShape"}

RECIPES = [
    Recipe((Term("channel", "conv3_1"),), SIZE, 5, 0.05, 0),
    Recipe((Term("channel", "relu3_1"),), SIZE, 5, 0.05, 0),
    Recipe((Term("channel", "logits"),), SIZE, 5, 0.05, 0, Pixel()),
    Recipe((Term("channel", "conv1_1"), Term("layer", "pool2")), SIZE, 5, 0.05, 0, transforms=()),
]

INPUTS = {"state", "m", "v", "rate", "b1", "b2", "epsilon"}
LUCID = {f"view0.{name}" for name in ("rows", "row_border", "columns", "column_border")}
LUCID |= {f"view1.{name}" for name in ("there", "mask", "back")}
LINEAR = {"term0.vector", "term0.position", "term0.weight"}
FED = [
    INPUTS | LUCID | LINEAR,
    INPUTS | LUCID | LINEAR | {"redirect"},
    INPUTS | LUCID | LINEAR,
    INPUTS | LINEAR | {"term1.weight", "redirect"},
]
ALL_RECTIFIED = [False, True, False, False]
OUTPUTS = {"new_state", "new_m", "new_v", "score", "reach", "extent"}


def name(recipe: Recipe) -> str:
    return "+".join(term.layer for term in recipe.terms)


def composed(model: Model, recipe: Recipe) -> onnx.ModelProto:
    """The program with its weights inside."""
    graph = compose(model, program_key(recipe), BATCH)
    return ir.to_proto(ir.external_data.load_to_model(graph))


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_program_is_one_graph_of_standard_operators(tiny: Model, recipe: Recipe) -> None:
    program = composed(tiny, recipe)
    onnx.checker.check_model(program, full_check=True)
    assert [(o.domain, o.version) for o in program.opset_import] == [("", 18)]
    assert program.ir_version <= 9
    assert not program.functions
    assert {node.domain for node in program.graph.node} == {""}
    assert [node.op_type for node in program.graph.node if NEVER.fullmatch(node.op_type)] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_loaded_program_has_no_arithmetic_on_sizes_and_no_comparisons(
    tiny: Model, device: Device, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    monkeypatch.setattr(onnxruntime, "SessionOptions", lambda: options)
    Session(compose(tiny, program_key(recipe), BATCH), device, weights={WEIGHTS: tiny.weights})
    loaded = onnx.load(tmp_path / "loaded.onnx", load_external_data=False)
    assert {node.op_type for node in loaded.graph.node} & FOLDED == set()


@pytest.mark.parametrize(("recipe", "fed", "rectified"), list(zip(RECIPES, FED, ALL_RECTIFIED, strict=True)))
def test_every_input_of_a_program_has_a_fixed_size(tiny: Model, recipe: Recipe, fed: set[str], rectified: bool) -> None:
    graph = compose(tiny, program_key(recipe), BATCH).graph
    assert {value.name for value in graph.inputs} == fed
    assert {value.name for value in graph.outputs} == OUTPUTS | ({"awake"} if rectified else set())
    for value in graph.inputs:
        assert value.shape is not None
        assert value.shape.is_static(), value.name


def test_layers_of_one_network_share_their_weights_and_earlier_layers(tiny: Model) -> None:
    both = Recipe((Term("channel", "conv2_1"), Term("channel", "conv3_1")), SIZE, 5, 0.05, 0)
    one = Recipe((Term("channel", "conv3_1"),), SIZE, 5, 0.05, 0)
    program, alone = (compose(tiny, program_key(recipe), BATCH) for recipe in (both, one))
    assert len(external(program)) == len(external(alone)) > 0
    there_and_back_from_each = 3 + 2 + 3
    assert sum(node.op_type == "Conv" for node in program.graph) == there_and_back_from_each


def external(model: ir.Model) -> list[ir.ExternalTensor]:
    """The weights that a program only names."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    return [tensor for tensor in tensors if isinstance(tensor, ir.ExternalTensor)]


def test_weights_are_references_into_the_models_file(tiny: Model) -> None:
    assert {w.location for w in external(compose(tiny, program_key(RECIPES[0]), BATCH))} == {WEIGHTS}


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_step_is_one_run(tiny: Model, device: Device, monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    runs: list[Binding] = []
    run = Binding.run

    def spy(self: Binding) -> None:
        runs.append(self)
        run(self)

    monkeypatch.setattr(Binding, "run", spy)
    climb(tiny, device, [recipe])
    measured_and_decoded = 2
    assert len(runs) == recipe.steps + measured_and_decoded
    assert len(set(map(id, runs[: recipe.steps]))) == 2
