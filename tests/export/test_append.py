"""`--append`: latents of autoencoders and directions as layers, compared with the formulas and with overcomplete."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper
from reverie_export import BadOption, BadWeights, ExportError, UnknownLayer, export_model
from reverie_export.append import parse
from reverie_export.append.encoder import Encoder, Head, JumpRelu, Relu, TopK, tensors
from reverie_export.command import export
from reverie_server.engine import Engine
from safetensors.numpy import save_file

from tests.export import transformers
from tests.export.oracle import distance, runtime

Arrays = Mapping[str, np.ndarray]
CHANNELS, WIDTH, COUNT = 6, 5, 9  # of the layers `conv` and `fc`, and of latents

NETWORK = """
<ir_version: 9, opset_import: ["" : 18]>
net (float[N, 3, H, W] picture) => (float[N, 5] fc) {
    conv = Conv<pads = [1, 1, 1, 1]>(picture, kernel, kernel_bias)
    relu = Relu(conv)
    axes = Constant<value = int64[2] {2, 3}>()
    mean = ReduceMean<keepdims = 0>(relu, axes)
    fc = Gemm(mean, matrix, matrix_bias)
}
"""


def draw(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def network(folder: Path) -> str:
    model = onnx.parser.parse_model(NETWORK)
    shapes = {"kernel": (6, 3, 3, 3), "kernel_bias": (6,), "matrix": (6, 5), "matrix_bias": (5,)}
    model.graph.initializer.extend(
        numpy_helper.from_array(draw(i, *shape), name) for i, (name, shape) in enumerate(shapes.items())
    )
    onnx.save(model, folder / "net.onnx")
    return str(folder / "net.onnx")


# ----- the forms of files, each with its formulas on rows [n, channels] -----


@dataclass(frozen=True)
class Form:
    """A file of an autoencoder, and what it computes: the pre-activation, and the activation or None."""

    tensors: Callable[[int], Arrays]  # of a number of channels
    pre: Callable[[Arrays, np.ndarray], np.ndarray]
    encoded: Callable[[Arrays, np.ndarray], np.ndarray] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, Mapping[str, Any]] | None = None
    operator: str = ""


def overcomplete(channels: int) -> Arrays:
    return {
        "encoder.final_block.0.weight": draw(10, COUNT, channels),
        "encoder.final_block.0.bias": draw(11, COUNT),
        "dictionary._weights": draw(12, COUNT, channels),
        "dictionary.multiplier": np.zeros((), np.float32),
    }


def overcomplete_with_norm(channels: int) -> Arrays:
    norm = {part: draw(13 + i, COUNT) for i, part in enumerate(("weight", "bias", "running_mean"))}
    norm |= {"running_var": 0.5 + draw(16, COUNT) ** 2, "num_batches_tracked": np.array(3)}
    return {**overcomplete(channels), **{f"encoder.final_block.1.{part}": array for part, array in norm.items()}}


def sae_lens(channels: int) -> Arrays:
    return {
        "W_enc": draw(20, channels, COUNT),
        "b_enc": draw(21, COUNT),
        "W_dec": draw(22, COUNT, channels),
        "b_dec": draw(23, channels),
    }


def linear(t: Arrays, x: np.ndarray) -> np.ndarray:
    return x @ t["encoder.final_block.0.weight"].T + t["encoder.final_block.0.bias"]


def normed(t: Arrays, x: np.ndarray) -> np.ndarray:
    scale, bias, mean, variance = (
        t[f"encoder.final_block.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (linear(t, x) - mean) / np.sqrt(variance + 1e-5) * scale + bias


def centred(t: Arrays, x: np.ndarray) -> np.ndarray:
    return (x - t["b_dec"]) @ t["W_enc"] + t["b_enc"]


def uncentred(t: Arrays, x: np.ndarray) -> np.ndarray:
    return x @ t["W_enc"] + t["b_enc"]


def layer_norm(t: Arrays, x: np.ndarray) -> np.ndarray:
    x = x - x.mean(1, keepdims=True)
    return centred(t, x / (x.std(1, ddof=1, keepdims=True) + 1e-5))


def relu(t: Arrays, pre: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(pre, 0))


def top(k: int) -> Callable[[Arrays, np.ndarray], np.ndarray]:
    def keep(t: Arrays, pre: np.ndarray) -> np.ndarray:
        made = np.zeros_like(pre)
        index = np.argsort(-pre, axis=1)[:, :k]
        np.put_along_axis(made, index, np.maximum(np.take_along_axis(pre, index, 1), 0), 1)
        return made

    return keep


FORMS = {
    "overcomplete, TopK": Form(overcomplete, linear, top(3), {"top_k": "3"}, operator="TopK"),
    "overcomplete, ReLU": Form(overcomplete, linear, relu, {"activation": "relu"}, operator="Relu"),
    "overcomplete, JumpReLU": Form(
        lambda c: {**overcomplete(c), "thresholds": draw(14, COUNT)},
        linear,
        lambda t, pre: np.where(pre >= np.exp(t["thresholds"]), pre, 0),
        operator="Where",
    ),
    "overcomplete, not said what": Form(overcomplete, linear),
    "overcomplete, batch normalisation": Form(
        overcomplete_with_norm, normed, top(2), beside=("sae.json", {"top_k": 2}), operator="TopK"
    ),
    "overcomplete, untied": Form(
        lambda c: {"encoder.weight": draw(10, COUNT, c)}, lambda t, x: x @ t["encoder.weight"].T
    ),
    "SAELens, alone": Form(sae_lens, centred, relu, operator="Relu"),
    "SAELens, b_dec not applied": Form(
        sae_lens,
        uncentred,
        relu,
        beside=("cfg.json", {"d_sae": COUNT, "architecture": "standard", "apply_b_dec_to_input": False}),
        operator="Relu",
    ),
    "SAELens, JumpReLU": Form(
        lambda c: {**sae_lens(c), "threshold": np.abs(draw(24, COUNT))},
        centred,
        lambda t, pre: np.where(pre > t["threshold"], pre, 0),
        beside=("cfg.json", {"d_sae": COUNT, "architecture": "jumprelu", "normalize_activations": "none"}),
        operator="Where",
    ),
    "SAELens, TopK by norm": Form(
        sae_lens,
        lambda t, x: centred(t, x) * np.linalg.norm(t["W_dec"], axis=1),
        top(4),
        beside=("cfg.json", {"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True}),
        operator="TopK",
    ),
    "Prisma, layer_norm": Form(
        sae_lens,
        layer_norm,
        relu,
        beside=("config.json", {"activation_fn_str": "relu", "normalize_activations": "layer_norm"}),
        operator="Relu",
    ),
    "Prisma, TopK": Form(
        sae_lens,
        centred,
        top(3),
        beside=("config.json", {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}}),
        operator="TopK",
    ),
    "another config.json": Form(
        sae_lens, centred, relu, beside=("config.json", {"architectures": ["ViTModel"]}), operator="Relu"
    ),
}


def write(form: Form, channels: int, folder: Path) -> Arrays:
    weights = {name: np.ascontiguousarray(array) for name, array in form.tensors(channels).items()}
    save_file(weights, folder / "sae.safetensors", dict(form.metadata) or None)
    if form.beside is not None:
        name, stated = form.beside
        (folder / name).write_text(json.dumps(stated))
    return weights


def rows(array: np.ndarray) -> np.ndarray:
    """[N, C, h, w] or [N, C] as [n, C]."""
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


@pytest.mark.parametrize(("layer", "channels", "operator"), [("conv", CHANNELS, "Conv"), ("fc", WIDTH, "Gemm")])
@pytest.mark.parametrize("name", FORMS)
def test_a_layer_of_latents_computes_the_formulas_of_its_form(
    name: str, layer: str, channels: int, operator: str, tmp_path: Path
) -> None:
    form = FORMS[name]
    weights = write(form, channels, tmp_path)
    made = export_model(network(tmp_path), out=tmp_path, append=[f"{tmp_path}/sae.safetensors@{layer}"])
    entries = {entry.layer.name: entry for entry in made.manifest.layers}
    base, pre = entries[layer], entries[f"{layer}/sae"]
    assert (pre.layer.operator, pre.layer.kind, pre.layer.channels) == (operator, "linear", COUNT)
    assert pre.layer.recommended
    for name_of_field in ("spatial", "stride", "receptive_field", "min_size", "size_multiple", "fixed_size"):
        assert getattr(pre.layer, name_of_field) == getattr(base.layer, name_of_field)

    image = np.random.default_rng(0).random((2, 3, 7, 9), np.float32)
    cotangent = draw(31, *((2, COUNT, 7, 9) if layer == "conv" else (2, COUNT)))
    x, _ = runtime(made.folder / base.file, image, np.zeros((2, channels, *cotangent.shape[2:])))
    found, gradient = runtime(made.folder / pre.file, image, cotangent)
    expected = form.pre(weights, rows(x).astype(np.float64))
    assert distance(rows(found), expected) < 1e-5

    encoded = entries.get(f"{layer}/sae/encoded")
    assert (encoded is not None) == (form.encoded is not None)
    if encoded is None or form.encoded is None:
        return
    assert (encoded.layer.operator, encoded.layer.kind, encoded.preactivation) == (
        form.operator,
        "activation",
        f"{layer}/sae",
    )
    latents, through = runtime(made.folder / encoded.file, image, cotangent)
    assert distance(rows(latents), form.encoded(weights, expected)) < 1e-5
    assert 0 < np.count_nonzero(latents) < latents.size
    # Where a latent is 0 nothing passes, and elsewhere all: the pre-activation's gradient for what is left.
    _, same = runtime(made.folder / pre.file, image, np.where(latents > 0, cotangent, 0))
    assert distance(through, same) < 1e-5
    assert distance(through, gradient) > 1e-3


@pytest.mark.parametrize(
    "encoder",
    [
        Encoder(draw(1, 5, 4)),
        Encoder(draw(1, 5, 4), draw(2, 5), draw(3, 4), activation=Relu()),
        Encoder(draw(1, 5, 4), draw(2, 5), draw(3, 4), normalises=True, activation=TopK(2)),
        Encoder(draw(1, 5, 4), draw(2, 5), activation=JumpRelu(np.abs(draw(4, 5)))),
    ],
    ids=["direction", "relu", "normalised, top k", "jump"],
)
def test_undoing_is_the_derivative_of_applying(encoder: Encoder) -> None:
    for shape in ((2, 4, 3, 2), (3, 4)):
        spatial = len(shape) == 4
        head = Head(encoder, tensors(encoder, "e", spatial=spatial), spatial, encoded=True)
        x, move = (draw(seed, *shape).astype(np.float64) for seed in (5, 6))
        cotangent = draw(7, *head.apply(x).shape)
        ahead, behind = (np.vdot(head.apply(x + step * move), cotangent) for step in (1e-6, -1e-6))
        assert np.vdot(head.undo(cotangent, x), move) == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


# ----- overcomplete -----


@pytest.fixture
def overcompletes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Modules of overcomplete by name, without those that its packages import: scikit-learn, OpenCV and others."""
    spec = importlib.util.find_spec("overcomplete")
    if spec is None or importlib.util.find_spec("einops") is None:
        pytest.skip("overcomplete is not installed")
    assert spec.submodule_search_locations is not None
    (place,) = spec.submodule_search_locations
    for name, path in (("overcomplete", place), ("overcomplete.sae", f"{place}/sae")):
        package = ModuleType(name)
        package.__path__ = [path]
        monkeypatch.setitem(sys.modules, name, package)
    return lambda name: importlib.import_module(f"overcomplete.sae.{name}")


@dataclass(frozen=True)
class Trained:
    """An autoencoder of overcomplete."""

    module: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    untied: bool = False


OVERCOMPLETE = {
    "TopKSAE": Trained("topk_sae", "TopKSAE", {"top_k": 4}, {"top_k": "4"}),
    "TopKSAE, batch normalisation": Trained(
        "topk_sae", "TopKSAE", {"top_k": 3, "encoder_module": "mlp_bn_1"}, {"top_k": "3"}
    ),
    "TopKSAE, untied": Trained("topk_sae", "TopKSAE", {"top_k": 5}, {"top_k": "5"}, untied=True),
    "JumpSAE": Trained("jump_sae", "JumpSAE"),
}


@pytest.mark.parametrize("name", OVERCOMPLETE)
def test_encode_equals_overcompletes(name: str, overcompletes: Callable[[str], Any], tmp_path: Path) -> None:
    trained = OVERCOMPLETE[name]
    torch.manual_seed(0)
    module = overcompletes(trained.module)
    sae = getattr(module, trained.name)(CHANNELS, 40, **trained.options)
    if trained.untied:
        sae = sae.untied(bias=True)
    for parameter in sae.encoder.parameters():
        torch.nn.init.normal_(parameter)
    for norm in sae.encoder.modules():
        if isinstance(norm, torch.nn.BatchNorm1d):
            norm.running_mean, norm.running_var = torch.randn(40), torch.rand(40) + 0.5
    sae = sae.eval()
    state = {key: tensor.detach().numpy() for key, tensor in sae.state_dict().items()}
    save_file(state, tmp_path / "sae.safetensors", dict(trained.metadata) or None)
    made = export_model(network(tmp_path), out=tmp_path, append=[f"{tmp_path}/sae.safetensors@conv"])
    files = {entry.layer.name: made.folder / entry.file for entry in made.manifest.layers}
    image = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
    x, _ = runtime(files["conv"], image, np.zeros((2, CHANNELS, 8, 8)))
    none = np.zeros((2, 40, 8, 8))
    with torch.no_grad():
        expected = sae.encode(torch.from_numpy(rows(x).copy()))
    for layer, answer in zip(("conv/sae", "conv/sae/encoded"), expected, strict=True):
        found, _ = runtime(files[layer], image, none)
        np.testing.assert_allclose(rows(found), answer.numpy(), atol=1e-5)


# ----- layers -----


@pytest.mark.parametrize("shape", [(4, CHANNELS), (CHANNELS,)], ids=["several", "one"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8])
def test_directions_are_dot_products(shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    directions: np.ndarray = (3 * draw(3, *shape)).astype(dtype)
    np.save(tmp_path / "cavs.npy", directions)
    made = export_model(network(tmp_path), out=tmp_path, append=[f"{tmp_path}/cavs.npy@conv=stripes"])
    entries = {entry.layer.name: entry for entry in made.manifest.layers}
    assert list(entries) == ["conv", "conv/stripes", "relu", "fc"]
    image = np.random.default_rng(0).random((1, 3, 6, 5), np.float32)
    x, _ = runtime(made.folder / entries["conv"].file, image, np.zeros((1, CHANNELS, 6, 5)))
    matrix = np.atleast_2d(directions).astype(np.float32)
    found, _ = runtime(made.folder / entries["conv/stripes"].file, image, np.zeros((1, len(matrix), 6, 5)))
    assert distance(rows(found), rows(x) @ matrix.T) < 1e-5


def test_directions_of_tokens_are_those_of_torch(tmp_path: Path) -> None:
    directions = draw(3, 4, transformers.WIDTH)
    np.save(tmp_path / "cavs.npy", directions)
    made = export_model(
        "tests.export.transformers:vit",
        out=tmp_path,
        weights="random:1",
        layers=["blocks.1"],
        append=[f"{tmp_path}/cavs.npy@blocks.1"],
    )
    _, entry = made.manifest.layers
    assert "blocks.1/cavs" in (entry.layer.name, *entry.layer.aliases)
    torch.manual_seed(1)
    module = transformers.vit().eval()
    kept: list[torch.Tensor] = []
    module.get_submodule("blocks.1").register_forward_hook(lambda _, __, result: kept.append(result))
    image = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    picture = torch.from_numpy(image).requires_grad_()
    module(picture)
    value = torch.einsum("oc,nchw->nohw", torch.from_numpy(directions), transformers.positions(kept[0]))
    cotangent = draw(4, *value.shape)
    (gradient,) = torch.autograd.grad(value, picture, torch.from_numpy(cotangent))
    found = runtime(made.folder / entry.file, image, cotangent)
    assert distance(found[0], value.detach().numpy()) < 1e-5
    assert distance(found[1], gradient.numpy()) < 1e-4


def test_several_are_appended_in_order_and_change_the_digest(tmp_path: Path) -> None:
    source = network(tmp_path)
    write(FORMS["overcomplete, TopK"], CHANNELS, tmp_path)
    np.save(tmp_path / "cavs.npy", draw(3, 4, WIDTH))
    sae, cavs = f"{tmp_path}/sae.safetensors", f"{tmp_path}/cavs.npy"
    plain = export_model(source, out=tmp_path / "plain")
    one = export_model(source, out=tmp_path / "one", append=[f"{sae}@conv"])
    many = export_model(source, out=tmp_path / "many", append=[f"{cavs}@fc", f"{sae}@relu=r", f"{sae}@conv"])
    assert [entry.layer.name for entry in many.manifest.layers] == [
        *("conv", "conv/sae", "conv/sae/encoded", "relu", "relu/r", "relu/r/encoded", "fc", "fc/cavs")
    ]
    digests = {(made.folder / "manifest.json").read_bytes() for made in (plain, one, many)}
    assert len(digests) == 3
    weights = {made.folder.parent.name: (made.folder / "weights.bin").stat().st_size for made in (plain, one)}
    matrix = COUNT * CHANNELS * 4
    assert matrix <= weights["one"] - weights["plain"] < 2 * matrix, "pre-activation and activation share the matrix"


def test_an_alias_of_the_layer_finds_it_and_its_latents(tmp_path: Path) -> None:
    np.save(tmp_path / "cavs.npy", draw(3, 4, 6))
    made = export_model(
        "tests.export.networks:vgg",
        out=tmp_path,
        weights="random:1",
        layers=["conv1"],
        append=[f"{tmp_path}/cavs.npy@conv1_1"],
    )
    assert [(e.layer.name, list(e.layer.aliases)) for e in made.manifest.layers] == [
        ("conv1", ["conv1_1"]),
        ("conv1/cavs", ["conv1_1/cavs"]),
    ]


def test_a_dead_latent_renders_to_dead_unit_and_a_live_one_does_not(tmp_path: Path) -> None:
    weight, bias = draw(1, COUNT, CHANNELS), np.ones(COUNT, np.float32)
    weight[2], bias[2] = 0, -1  # nothing reaches it
    bias[4] = -1e4  # its activation is never positive, its pre-activation lives
    save_file({"encoder.weight": weight, "encoder.bias": bias}, tmp_path / "sae.safetensors", {"activation": "relu"})
    models = tmp_path / "models"
    export_model(network(tmp_path), out=models, append=[f"{tmp_path}/sae.safetensors@conv"])
    expected = {
        ("conv/sae", 0): "converged",
        ("conv/sae", 2): "dead_unit",
        ("conv/sae", 4): "converged",
        ("conv/sae/encoded", 0): "converged",
        ("conv/sae/encoded", 2): "dead_unit",
        ("conv/sae/encoded", 4): "dead_unit",
    }
    with Engine([models], device="cpu", threads=1) as engine:
        layers = {layer.name: layer.channels for layer in engine.layers("net")}
        assert layers == {"conv": CHANNELS, "conv/sae": COUNT, "conv/sae/encoded": COUNT, "relu": CHANNELS, "fc": WIDTH}
        found = {key: engine.render("net", *key, steps=8, size=16).outcome for key in expected}
    assert found == expected


def test_an_onnx_file_needs_no_torch(tmp_path: Path) -> None:
    write(FORMS["SAELens, JumpReLU"], CHANNELS, tmp_path)
    program = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path; from reverie_export import export_model\n"
        "made = export_model(sys.argv[1], out=Path(sys.argv[2]), append=[sys.argv[3]])\n"
        "print([entry.layer.name for entry in made.manifest.layers])"
    )
    arguments = [network(tmp_path), str(tmp_path / "models"), f"{tmp_path}/sae.safetensors@conv"]
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert ended.stdout == "['conv', 'conv/sae', 'conv/sae/encoded', 'relu', 'fc']\n", ended.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("overcomplete, not said what", 'save the file with metadata={"top_k": "32"}'),
        ("SAELens, alone", "no cfg.json is beside it, so b_dec is subtracted first"),
    ],
)
def test_what_a_file_leaves_open_is_said(name: str, words: str, tmp_path: Path) -> None:
    write(FORMS[name], CHANNELS, tmp_path)
    made = export_model(network(tmp_path), out=tmp_path, append=[f"{tmp_path}/sae.safetensors@conv"])
    assert [warning for warning in made.warnings if words in warning]


def test_the_command_appends(tmp_path: Path) -> None:
    np.save(tmp_path / "cavs.npy", draw(3, 4, CHANNELS))
    options = ["--out", str(tmp_path / "models"), "--append", f"{tmp_path}/cavs.npy@relu"]
    result = CliRunner().invoke(export, [network(tmp_path), *options, "--append", f"{tmp_path}/cavs.npy@conv=a"])
    assert result.exit_code == 0, result.output
    assert "5 layers" in result.stdout


# ----- the argument -----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sae.safetensors@conv", ("sae.safetensors", "conv", "sae")),
        ("a/cavs.npy@blocks.5=b-1", ("a/cavs.npy", "blocks.5", "b-1")),
        ("me@home/cavs.npy@/layer1/conv", ("me@home/cavs.npy", "/layer1/conv", "cavs")),
        ("sae_weights.safetensors@conv", ("sae_weights.safetensors", "conv", "sae_weights")),
    ],
)
def test_an_argument_has_a_file_a_layer_and_a_name(text: str, expected: tuple[str, str, str]) -> None:
    request = parse(text)
    assert (str(request.file), request.layer, request.name) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sae.safetensors", "is not FILE@LAYER or FILE@LAYER=NAME"),
        ("@conv", "is not FILE@LAYER"),
        ("sae.npy@", "is not FILE@LAYER"),
        ("sae.npy@conv=", "is not FILE@LAYER"),
        ("sae.npy@conv=a/b", "'a/b' must have letters, digits"),
        ("my sae.npy@conv", "'my sae' must have .*; give one after the layer, as in --append my sae.npy@conv=NAME"),
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(BadOption, match=words):
        parse(text)


# ----- refusals -----


def with_number(value: float, *index: int) -> np.ndarray:
    array = draw(1, 4, CHANNELS).astype(np.float64)
    array[index] = value
    return array


@dataclass(frozen=True)
class Refusal:
    """What is written to the folder, what is asked for, and the words of the sentence."""

    words: str
    saes: Arrays | None = None
    npy: Any = None
    beside: Mapping[str, Any] | str | None = None
    raw: bytes | None = None  # of `file`
    file: str = ""
    append: Sequence[str] = ()  # by default of the file to conv
    layers: Sequence[str] = ()
    error: type[ExportError] = BadWeights


SAE = overcomplete(CHANNELS)
LENS = sae_lens(CHANNELS)
GATED = {
    **{k: v for k, v in LENS.items() if k != "b_enc"},
    "b_gate": draw(1, 9),
    "b_mag": draw(1, 9),
    "r_mag": draw(1, 9),
}
KNOWN = r"known are overcomplete's \(encoder.final_block.0.weight .*SAELens's \(W_enc, .*Prisma's \("
REFUSALS = {
    "unknown keys": Refusal(
        rf"its keys are bias, weight; {KNOWN}.*rename the tensors",
        saes={"weight": draw(1, 9, 6), "bias": draw(1, 9)},
    ),
    "no keys": Refusal(rf"its keys are none; {KNOWN}", saes={}),
    "gated": Refusal(r"b_gate.*of a gated autoencoder, which has two pre-activations; known are", saes=GATED),
    "hidden layers": Refusal(
        "of an encoder with hidden layers", saes={**SAE, "encoder.mlp_blocks.0.0.weight": draw(1, 6, 6)}
    ),
    "layer normalisation of latents": Refusal(
        "of an encoder with layer normalisation", saes={**SAE, "encoder.final_block.1.weight": draw(1, 9)}
    ),
    "wrong channels": Refusal("it is for 5 channels, and conv has 6; name the layer", saes=overcomplete(5)),
    "transposed": Refusal("for 4 channels, and conv has 6.*may have to be transposed", npy=draw(1, 6, 4)),
    "another shape": Refusal(r"b_enc has the shape \[3\], not \[9\]", saes={**LENS, "b_enc": draw(1, 3)}),
    "another rank": Refusal(r"W_enc has the shape \[9\], not \[\?, \?\]", saes={**LENS, "W_enc": draw(1, 9)}),
    "NaN in a matrix": Refusal(r"sae.npy\[2, 3\] is NaN; every number must be finite", npy=with_number(np.nan, 2, 3)),
    "infinity": Refusal(r"sae.npy\[0, 1\] is inf, which is infinite in float32", npy=with_number(np.inf, 0, 1)),
    "too large": Refusal(r"sae.npy\[3, 5\] is 1e\+300, which is infinite", npy=with_number(1e300, 3, 5)),
    "NaN in a bias": Refusal(r"b_dec\[1\] is NaN", saes={**LENS, "b_dec": with_number(np.nan, 0, 1)[0]}),
    "complex": Refusal("holds complex64, not numbers; save it as float32", npy=draw(1, 4, 6).astype(np.complex64)),
    "a cube": Refusal(r"the shape \[2, 3, 6\]; directions are \[count, channels\]", npy=draw(1, 2, 3, 6)),
    "empty": Refusal(r"the shape \[0, 6\]; directions are", npy=np.zeros((0, 6))),
    "pickled": Refusal("pickled objects, which are never loaded", npy=np.array([{"a": 1}], object)),
    "no npy": Refusal("no array that numpy.save has written", raw=b"nothing", file="sae.npy"),
    "no safetensors": Refusal(r"\(7 bytes\) is no safetensors file", raw=b"nothing", file="sae.safetensors"),
    "another suffix": Refusal("sae.pt is neither .safetensors nor .npy; save a", raw=b"", file="sae.pt"),
    "no file": Refusal("there is no file .*sea.npy; nearest: sae.npy", npy=draw(1, 4, 6), append=["sea.npy@conv"]),
    "no JSON": Refusal("cfg.json, beside it, is not JSON", saes=LENS, beside="{"),
    "unit normalisation": Refusal(
        "'constant_norm_rescale', which a graph cannot repeat",
        saes=LENS,
        beside={"d_sae": 9, "normalize_activations": "constant_norm_rescale"},
    ),
    "normalisation by an average": Refusal(
        "'expected_average_only_in'.*fold_activation_norm_scaling_factor",
        saes=LENS,
        beside={"d_sae": 9, "normalize_activations": True},
    ),
    "an architecture": Refusal(
        "its architecture is 'temporal'; standard, topk, jumprelu can be appended",
        saes=LENS,
        beside={"d_sae": 9, "architecture": "temporal"},
    ),
    "a transcoder": Refusal("is 'transcoder'", saes=LENS, beside={"d_sae": 9, "is_transcoder": True}),
    "TopK without k": Refusal("no k is stated; add one", saes=LENS, beside={"d_sae": 9, "architecture": "topk"}),
    "k beyond the latents": Refusal(
        "k is 10, and there are only 9 latents", saes=LENS, beside={"architecture": "topk", "k": 10}
    ),
    "k that is no number": Refusal(
        "k is 'x', not a whole number", saes=LENS, beside={"architecture": "topk", "k": "x"}
    ),
    "JumpReLU without thresholds": Refusal(
        "without the tensor threshold", saes=LENS, beside={"d_sae": 9, "architecture": "jumprelu"}
    ),
    "no layer": Refusal(
        "the network has no layer 'cnov'; nearest: conv", npy=draw(1, 4, 6), append=["sae.npy@cnov"], error=UnknownLayer
    ),
    "a layer that is not exported": Refusal(
        "conv is not among the layers that are exported, relu; add it to --layers",
        npy=draw(1, 4, 6),
        layers=["relu"],
        error=UnknownLayer,
    ),
    "the same twice": Refusal(
        "the layer 'conv/sae' would have the name or the file of 'conv/sae'; give it another name",
        npy=draw(1, 4, 6),
        append=["sae.npy@conv", "sae.npy@conv"],
        error=BadOption,
    ),
    "a file of an encoded layer": Refusal(
        "'conv/sae_encoded' would have the name or the file of 'conv/sae/encoded'",
        saes=LENS,
        append=["sae.safetensors@conv", "sae.safetensors@conv=sae_encoded"],
        error=BadOption,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_appended_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    case = REFUSALS[name]
    file = case.file or ("sae.npy" if case.npy is not None else "sae.safetensors")
    if case.saes is not None:
        save_file({key: np.ascontiguousarray(array) for key, array in case.saes.items()}, tmp_path / file)
    elif case.npy is not None:
        np.save(tmp_path / file, case.npy)
    else:
        (tmp_path / file).write_bytes(case.raw or b"")
    if case.beside is not None:
        text = case.beside if isinstance(case.beside, str) else json.dumps(case.beside)
        (tmp_path / "cfg.json").write_text(text)
    append = [f"{tmp_path}/{text}" for text in case.append or [f"{file}@conv"]]
    with pytest.raises(case.error, match=case.words) as caught:
        export_model(network(tmp_path), out=tmp_path / "models", append=append, layers=case.layers)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "models").glob("*"))
