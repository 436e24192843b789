"""Silent targets: their redirected gradient, and that it makes a target active."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper
from reverie_ascent import Outcome, Result, ascend, loop
from reverie_ascent.program import BatchState, build
from reverie_ascent.program.redirect import STEPS, redirect
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.runtime.session import Device
from reverie_gradient import with_gradient

from tests.ascent.conftest import MakeModel
from tests.ascent.exact import Array, Exact, Numbers

# The bias of all convolutions, and a layer whose units it silences on grey but not for good.
SLEEPERS = [
    *[(-0.05, "relu1_1"), (-0.1, "relu2_1"), (-0.3, "relu1_1"), (-1.0, "relu1_1")],
    *[(-0.3, "pool1"), (-1.0, "pool1"), (-0.1, "pool2")],
]
STEPS_MADE = 40

N, CHANNELS, HEIGHT, WIDTH = 5, 4, 3, 5  # of the pictures: a pool of 2 x 2 leaves a row and a column over
SCALE = 2.0  # of the convolution before everything else, x = SCALE * image

Pull = Callable[[Numbers, Numbers], Sequence[Numbers]]  # cotangent, x -> the gradient of each function's output


@dataclass(frozen=True)
class Case:
    """A layer after ``x``: its operators, the signs of its functions' inputs and ``pull``, its way back in numpy."""

    body: str
    pull: Pull
    signs: tuple[int, ...] = (1,)
    function: str = "Relu"


def tiles(a: Numbers) -> Numbers:
    """Enlarge what a pool of 2 x 2 made to its input's size; the remainder is 0."""
    whole = np.zeros((*a.shape[:2], HEIGHT, WIDTH))
    enlarged = a.repeat(2, 2).repeat(2, 3)
    whole[:, :, : enlarged.shape[2], : enlarged.shape[3]] = enlarged
    return whole


def maxima(cotangent: Numbers, r: Numbers) -> Numbers:
    """Pass the gradient to every maximum of a window."""
    covered = r[:, :, :2, :4]
    top = covered.reshape(*r.shape[:2], 1, 2, 2, 2).max((3, 5))
    return np.where(tiles(np.ones_like(top)) * (r == tiles(top)) > 0, tiles(cotangent), 0)


POOL = "<kernel_shape = [2, 2], strides = [2, 2]>"
CASES = {
    "a Relu": Case("activation = Relu (x)", lambda c, x: [c]),
    "a Relu6": Case("activation = Clip (x, low, high)", lambda c, x: [c], function="Clip"),
    "a ThresholdedRelu": Case("activation = ThresholdedRelu <alpha = 0.0> (x)", lambda c, x: [c]),
    "the maxima of a Relu": Case(
        f"a = Relu (x)  activation = MaxPool {POOL} (a)", lambda c, x: [maxima(c, np.maximum(x, 0))]
    ),
    "the maxima of a Relu6": Case(
        f"a = Clip (x, low, high)  activation = MaxPool {POOL} (a)",
        lambda c, x: [maxima(c, np.clip(x, 0, 6)) / tied(np.clip(x, 0, 6))],
        function="Clip",
    ),
    "the means of a Relu": Case(f"a = Relu (x)  activation = AveragePool {POOL} (a)", lambda c, x: [tiles(c) / 4]),
    "the mean of a Relu6": Case(
        "a = Clip (x, low, high)  activation = GlobalAveragePool (a)",
        lambda c, x: [np.broadcast_to(c / (HEIGHT * WIDTH), x.shape)],
        function="Clip",
    ),
    "a flattened Relu": Case("a = Relu (x)  activation = Flatten (a)", lambda c, x: [c.reshape(x.shape)]),
    "a transposed Relu": Case(
        "a = Relu (x)  activation = Transpose <perm = [0, 1, 3, 2]> (a)", lambda c, x: [c.swapaxes(2, 3)]
    ),
    "two Relus side by side": Case(
        "a = Relu (x)  n = Neg (x)  b = Relu (n)  activation = Concat <axis = 1> (a, b)",
        lambda c, x: [c[:, :CHANNELS], c[:, CHANNELS:]],
        signs=(1, -1),
    ),
    "a Relu and its means side by side": Case(
        f"a = Relu (x)  m = AveragePool {POOL} (a)  f = Flatten (a)  g = Flatten (m)"
        "  activation = Concat <axis = 1> (f, g)",
        lambda c, x: [c[:, : x[0].size].reshape(x.shape) + tiles(c[:, x[0].size :].reshape(-1, CHANNELS, 1, 2)) / 4],
    ),
}


def tied(r: Numbers) -> Numbers:
    """Return, for each input of a pool, how many of its window reach the maximum: they share the gradient."""
    window = maxima(np.ones((*r.shape[:2], 1, 2)), r)[:, :, :2, :4]
    counts = window.reshape(*r.shape[:2], 1, 2, 2, 2).sum((3, 5))
    return np.maximum(tiles(counts), 1)


def layer_graph(body: str) -> ir.Model:
    """Return the graph of a layer whose operators, after the convolution, are ``body``, for pictures of one size."""
    image = f"float[{N}, {CHANNELS}, {HEIGHT}, {WIDTH}] image"
    text = f"""<ir_version: 9, opset_import: ["": 18]> layer ({image}) => (float activation)
        <float low = {{0}}, float high = {{6}}> {{ x = Conv (image, w)  {body} }}"""
    model = onnx.parser.parse_model(text)
    kernel = (SCALE * np.eye(CHANNELS, dtype=np.float32)).reshape(CHANNELS, CHANNELS, 1, 1)
    model.graph.initializer.append(numpy_helper.from_array(kernel, "w"))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model)
    model = with_gradient(model, of="activation", wrt="image")
    graph = ir.from_proto(model)
    names = {"activation_cotangent": "cotangent", "image_gradient": "gradient"}
    for value in (*graph.graph.inputs, *graph.graph.outputs):
        value.name = names.get(value.name or "", value.name)
    return graph


def redirected(xs: Sequence[Numbers], gs: Sequence[Numbers], function: str, *, active: bool) -> list[Numbers]:
    """Return the gradients of one element before its functions, by Lucid's rule."""
    high = 6 if function == "Clip" else np.inf
    inside = [(x >= 0) & (x <= high) if function == "Clip" else x > 0 for x in xs]
    plain: list[Numbers] = [np.where(i, g, 0) for i, g in zip(inside, gs, strict=True)]
    if any(p.any() for p in plain) or not active:
        return plain
    return [
        np.where(i | ((x <= 0) & (g > 0)) | ((x > high) & (g < 0)), g, 0)
        for x, g, i in zip(xs, gs, inside, strict=True)
    ]


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_only_an_element_that_is_closed_everywhere_is_redirected(case: Case, active: bool) -> None:
    graph = layer_graph(case.body)
    plain = Exact(graph)
    assert redirect(graph)
    run = Exact(graph)
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal((N, CHANNELS, HEIGHT, WIDTH))
    x[1:3] = -abs(x[1:3])
    x[3:] = 6.5 + abs(x[3:])
    cotangent = rng.standard_normal(run.inputs["cotangent"])
    cotangent[2], cotangent[3] = -abs(cotangent[2]), -abs(cotangent[3])
    feeds = {"image": x / SCALE, "cotangent": cotangent}
    out = run({**feeds, "redirect": np.full(N, active, np.float64)})

    expected, awake = np.zeros_like(x), []
    gs = case.pull(cotangent, x)
    for i in range(N):
        xs = [sign * x[i] for sign in case.signs]
        found = redirected(xs, [g[i] for g in gs], case.function, active=active)
        expected[i] = SCALE * sum(s * d for s, d in zip(case.signs, found, strict=True))
        awake.append(any(d.any() for d in redirected(xs, [g[i] for g in gs], case.function, active=False)))
    np.testing.assert_array_equal(out["activation"], plain(feeds)["activation"])
    np.testing.assert_allclose(out["gradient"], expected, rtol=1e-6)
    np.testing.assert_array_equal(out["awake"] > 0, awake)
    if not active:
        np.testing.assert_array_equal(out["gradient"], plain(feeds)["gradient"])


# Layers that another way leads back from, or whose activation function is never closed.
OTHERS = {
    "a convolution": "activation = Identity (x)",
    "a LeakyRelu": "activation = LeakyRelu (x)",
    "a sum": "a = Relu (x)  activation = Add (a, x)",
    "a Relu beside a convolution": "a = Relu (x)  activation = Concat <axis = 1> (a, x)",
    "a Relu beside one after it": "a = Relu (x)  y = Conv (a, w)  b = Relu (y)  activation = Concat <axis = 1> (a, b)",
}


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS)
def test_a_layer_with_another_way_back_is_unchanged(body: str) -> None:
    graph = layer_graph(body)
    before = ir.to_proto(graph)
    assert not redirect(graph)
    assert ir.to_proto(graph) == before


def climb(make_model: MakeModel, device: Device, bias: float, layer: str) -> Result:
    recipe = Recipe((Term("channel", layer, channel=1),), (16, 16), STEPS_MADE, 0.05, 0, transforms=())
    *_, last = ascend(build(make_model(bias=bias), recipe, batch=1, device=device), [recipe])
    assert isinstance(last, Result)
    return last


@pytest.mark.parametrize(("bias", "layer"), SLEEPERS)
def test_a_unit_that_is_silent_on_the_initial_noise_becomes_active(
    make_model: MakeModel, device: Device, bias: float, layer: str
) -> None:
    result = climb(make_model, device, bias, layer)
    assert result.history[0] == 0
    assert result.history[STEPS] > 0
    assert result.activation > 0.3
    assert result.image.std() > 0.05
    assert result.outcome is Outcome.CONVERGED
    assert result.detail == f"All {STEPS_MADE} steps were made and the unit responds."


@pytest.mark.parametrize(("bias", "layer"), SLEEPERS)
def test_without_redirection_it_would_never_become_active(
    make_model: MakeModel, device: Device, monkeypatch: pytest.MonkeyPatch, bias: float, layer: str
) -> None:
    monkeypatch.setattr(loop, "REDIRECTED_STEPS", 0)
    result = climb(make_model, device, bias, layer)
    assert result.outcome is Outcome.DEAD_UNIT
    assert not result.history.any()


def test_redirection_ends_after_sixteen_steps(
    make_model: MakeModel, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[float] = []
    feed = BatchState.feed

    def spy(self: BatchState, arrays: Mapping[str, Array]) -> None:
        fed.extend(arrays.get("redirect", []))
        feed(self, arrays)

    monkeypatch.setattr(BatchState, "feed", spy)
    climb(make_model, device, -0.3, "relu1_1")
    assert fed == [1] * 16 + [0] * (STEPS_MADE - 16)


# A bias so low that no unit becomes active, and the layer and channel to render.
DEAD = [(-100.0, "relu1_1"), (-100.0, "relu3_1"), (-100.0, "pool2"), (-100.0, "conv2_1"), (-100.0, "logits")]


@pytest.mark.parametrize(("bias", "layer"), DEAD)
def test_a_unit_that_stays_dead_is_reported_in_a_sentence(
    make_model: MakeModel, device: Device, bias: float, layer: str
) -> None:
    result = climb(make_model, device, bias, layer)
    assert result.outcome is Outcome.DEAD_UNIT
    assert result.detail.startswith("The unit stayed silent: in none of 40 steps did it pass a gradient on")
    assert "Another seed or a layer before it may show more." in result.detail
    assert result.steps == STEPS_MADE
    assert len(result.history) == STEPS_MADE
    assert np.isfinite(result.image).all()
