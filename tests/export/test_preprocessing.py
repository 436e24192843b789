"""Preprocessing for a network from a file: options, files next to it, and the self-test of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper
from reverie_ascent.models.repository import embedded_models
from reverie_export import Overrides
from reverie_export.check_command import check
from reverie_export.self_test import clouds, drawn, warnings_about
from reverie_export.sources.open import open_onnx_file
from reverie_export.sources.source import Normalisation, Source
from reverie_proto.sizes import Size

from tests.export.forms import BODY, network

PICTURE = np.random.default_rng(0).random((1, 3, 4, 5))
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers).reshape(1, -1, 1, 1)


@dataclass(frozen=True)
class Case:
    """Options and files, and their effect on PICTURE computed by hand."""

    expected: np.ndarray
    options: Mapping[str, Any] | None = None
    files: Mapping[str, object] | None = None
    size: Size = (224, 224)


SAID = 255 * PICTURE[:, ::-1] - column(104, 117, 124)
STANDARD = (PICTURE - column(*IMAGENET["image_mean"])) / column(*IMAGENET["image_std"])
TOML = "net.preprocessing.toml"
CASES = {
    "nothing": Case(PICTURE),
    "a range": Case(2 * PICTURE - 1, {"range": (-1.0, 1.0)}),
    "bytes": Case(255 * PICTURE, {"range": (0.0, 255.0)}),
    "a range, then mean and std": Case(
        (255 * PICTURE - column(1, 2, 3)) / 2, {"range": (0.0, 255.0), "mean": (1.0, 2.0, 3.0), "std": (2.0,)}
    ),
    "Caffe": Case(SAID, {"range": (0.0, 255.0), "mean": (104.0, 117.0, 124.0), "channel_order": "BGR"}),
    "one's own file": Case(
        SAID, files={TOML: 'mean = [104, 117, 124]\nrange = [0, 255]\nchannel_order = "BGR"\nsize = 96'}, size=(96, 96)
    ),
    "one's own file in JSON": Case(
        2 * PICTURE - 1, files={"net.preprocessing.json": {"range": [-1, 1], "description": "x"}}
    ),
    "options over a file": Case(255 * PICTURE - column(1, 1, 1), {"scale": 255.0}, {TOML: "range = [-1, 1]\nmean = 1"}),
    "Hugging Face": Case(
        STANDARD,
        files={"preprocessor_config.json": {**IMAGENET, "size": {"height": 384, "width": 192}}},
        size=(384, 192),
    ),
    "height and width": Case(PICTURE, files={TOML: "size = [32, 128]"}, size=(32, 128)),
    "Hugging Face, cropped": Case(
        STANDARD,
        files={"preprocessor_config.json": {**IMAGENET, "size": 256, "crop_size": 192, "do_center_crop": True}},
        size=(192, 192),
    ),
    "Hugging Face, not rescaled": Case(
        255 * PICTURE[:, ::-1],
        files={"preprocessor_config.json": {"do_rescale": False, "do_normalize": False, "do_flip_channel_order": True}},
    ),
    "one's own before Hugging Face's": Case(
        2 * PICTURE - 1, files={"preprocessor_config.json": IMAGENET, TOML: "range = [-1, 1]"}
    ),
}


def opened(folder: Path, options: Mapping[str, Any] | None = None, files: Mapping[str, object] | None = None) -> Source:
    onnx.save(network(), folder / "net.onnx")
    for name, content in (files or {}).items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return open_onnx_file(folder / "net.onnx", Overrides(**(options or {})))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pictures_are_prepared_by_the_options_and_files(case: Case, tmp_path: Path) -> None:
    source = opened(tmp_path, case.options, case.files)
    np.testing.assert_allclose(source.normalisation.apply(PICTURE), case.expected, rtol=1e-5, atol=1e-5)
    assert source.native_size == case.size


def test_labels_and_a_description_are_read_from_the_networks_folder(tmp_path: Path) -> None:
    source = opened(tmp_path, files={TOML: 'labels = ["a", "b", "c", "d"]\ndescription = "Four letters."'})
    assert list(source.labels) == ["a", "b", "c", "d"]
    assert source.description == "Four letters."
    assert source.notes[-1] == f"preprocessing from {TOML}"


BAD = {
    "not TOML": ("mean = = 1", "cannot read"),
    "a key of another name": ("meen = 1", "unknown 'meen'; nearest: mean"),
    "a text for a number": ('scale = "255"', "scale is '255' and not a number"),
    "texts for numbers": ('mean = ["a"]', "not a list of numbers"),
    "a range of three": ("range = [0, 1, 2]", "two numbers"),
    "a size of nothing": ("size = 0", "size 0"),
    "a size of three numbers": ("size = [3, 32, 128]", "or a list of height and width"),
    "labels that are numbers": ("labels = [1, 2]", "list of texts"),
    "a mean of two channels": ("mean = [1, 2]", "three finite numbers"),
    "a deviation of nothing": ("std = 0", "not zero"),
    "a range of nothing": ("range = [1, 1]", "not zero"),
    "a range and a scale": ("range = [0, 1]\nscale = 2", "give one of them"),
    "an order of its own": ('channel_order = "GBR"', "neither RGB nor BGR"),
}


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_an_invalid_preprocessing_file_is_refused(text: str, says: str, tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "net.onnx")
    (tmp_path / TOML).write_text(text)
    result = CliRunner().invoke(check, [str(tmp_path / "net.onnx"), "--quick"])
    assert result.exit_code == 2, result.output
    assert says in result.stderr


# ----- the self-test, on a network that was trained: texture19 takes RGB in [0, 1] -----


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The forward half of texture19's logits, as a foreign file."""
    home = embedded_models() / "texture19"
    whole = ir.load(home / "logits.onnx").graph
    forward = ir.convenience.extract(whole, [whole.inputs[0]], [whole.outputs[0]])
    path = tmp_path_factory.mktemp("trained") / "net.onnx"
    model = ir.to_proto(ir.Model(forward, ir_version=9))
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor, str(home))
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, path)
    return path


def test_right_preprocessing_gives_no_warning(trained: Path) -> None:
    assert warnings_about(open_onnx_file(trained, Overrides())) == []


@pytest.mark.parametrize("options", [{"range": (0.0, 255.0)}, {"range": (0.0, 1e-3)}], ids=["bytes", "next to nothing"])
def test_wrong_preprocessing_gives_a_warning(options: dict[str, Any], trained: Path) -> None:
    (warning, *_) = warnings_about(open_onnx_file(trained, Overrides(**options)))
    assert "is the preprocessing right?" in warning


def batch_normed(prepared: Normalisation) -> onnx.ModelProto:
    """A network whose first BatchNormalization has the statistics of cloudy pictures prepared in some way."""
    model = network()
    weights = {t.name: t for t in model.graph.initializer}
    rng = np.random.default_rng(9)
    part = network(body=BODY.partition("b =")[0] + "y = Identity (a)")
    del part.graph.output[:]
    part.graph.output.append(helper.make_empty_tensor_value_info("a"))
    pictures = prepared.apply(np.concatenate([clouds(rng, 3, (64, 64)) for _ in range(4)]))
    session = onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = session.run(["a"], {"picture": pictures.astype(np.float32)})[0]
    for name, statistic in (("m", seen.mean(axis=(0, 2, 3))), ("v", seen.var(axis=(0, 2, 3)))):
        weights[name].CopyFrom(numpy_helper.from_array(statistic.astype(np.float32), name))
    return model


FITS = {
    "--range 0,255": Normalisation(scale=255.0),
    "--range 0,1": Normalisation(),
}


@pytest.mark.parametrize(("option", "prepared"), FITS.items(), ids=FITS)
def test_the_statistics_of_a_batch_normalisation_determine_the_scale(
    option: str, prepared: Normalisation, tmp_path: Path
) -> None:
    onnx.save(batch_normed(prepared), tmp_path / "net.onnx")
    right, wrong = Overrides(scale=prepared.scale), Overrides(scale=256 - prepared.scale)
    about = "the first BatchNormalization"
    assert not any(about in w for w in warnings_about(open_onnx_file(tmp_path / "net.onnx", right)))
    (warning,) = (w for w in warnings_about(open_onnx_file(tmp_path / "net.onnx", wrong)) if about in w)
    assert f"{option} would fit" in warning


def test_drawn_pictures_are_pictures() -> None:
    pictures = drawn(3, (48, 30))
    for picture in pictures.values():
        assert picture.shape == (1, 3, 48, 30)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
    assert len({picture.tobytes() for picture in pictures.values()}) == len(pictures)
