"""Weights: the checked bytes are the ones that are used, even if the file changes in between."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from reverie_ascent.models.repository import Model, ModelError
from reverie_ascent.models.weights import MappedTensor
from reverie_ascent.program import build
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.runtime.session import Device

LAYER = "conv2_1"
RECIPE = Recipe((Term("channel", LAYER, channel=1),), (32, 32), 1, 0.05, 0)


@pytest.fixture
def folder(tiny: Model, tmp_path: Path) -> Path:
    """A private copy of a model folder, which the test may change."""
    return Path(shutil.copytree(tiny.folder, tmp_path / "tiny"))


def swap(folder: Path, *, bit: int = 1) -> None:
    """Replace the file by other weights of the same size, as an export does."""
    data = bytearray((folder / "weights.bin").read_bytes())
    data[bit] ^= 1
    (folder / "other").write_bytes(data)
    os.replace(folder / "other", folder / "weights.bin")


def weights(model: Model) -> dict[str, MappedTensor]:
    return {
        name: value.const_value
        for name, value in model.graph(LAYER).graph.initializers.items()
        if isinstance(value.const_value, MappedTensor)
    }


@pytest.mark.parametrize("exact", [False, True], ids=["lowered", "exact"])
def test_tampered_weights_are_refused_before_any_byte_is_used(
    folder: Path, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(folder)
    swap(folder)
    read: list[str] = []
    monkeypatch.setattr(MappedTensor, "_bytes", _recorded(read))
    with pytest.raises(ModelError, match=r"weights\.bin is not what was exported"):
        build(model, RECIPE, batch=1, device=Device("cpu", ("CPUExecutionProvider",), 1, exact=exact))
    assert read == []


def _recorded(read: list[str]) -> object:
    real = MappedTensor._bytes

    def record(tensor: MappedTensor) -> object:
        found = real(tensor)
        read.append(str(tensor.name))
        return found

    return record


def test_weights_that_are_swapped_after_the_check_have_no_effect(folder: Path) -> None:
    model = Model(folder)
    before = {name: tensor.tobytes() for name, tensor in weights(model).items()}
    swap(folder)
    assert {name: tensor.tobytes() for name, tensor in weights(model).items()} == before
    (folder / "weights.bin").unlink()
    assert {name: tensor.tobytes() for name, tensor in weights(model).items()} == before


def test_a_swap_between_check_and_map_maps_what_was_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (folder / "weights.bin").read_bytes()
    model, check = Model(folder), Model._check_digest

    def check_and_swap(self: Model, name: str, digest: str) -> None:
        check(self, name, digest)
        if name == "weights.bin":
            swap(folder)

    monkeypatch.setattr(Model, "_check_digest", check_and_swap)
    assert bytes(model.weights) == expected
    assert (folder / "weights.bin").read_bytes() != expected


def test_weights_that_grow_while_they_are_checked_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, check = Model(folder), Model._check_digest

    def check_and_grow(self: Model, name: str, digest: str) -> None:
        check(self, name, digest)
        with (folder / name).open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(Model, "_check_digest", check_and_grow)
    with pytest.raises(ModelError, match="was written to while it was checked"):
        _ = model.weights


def test_a_weight_is_a_view_of_the_map_with_the_values_of_the_file(tiny: Model) -> None:
    expected = onnx.load(tiny.folder / f"{LAYER}.onnx")
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in expected.graph.initializer}
    found = weights(tiny)
    assert found
    for name, tensor in found.items():
        array = tensor.numpy()
        assert np.shares_memory(array, tiny.weights)
        assert not array.flags.writeable
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])
        np.testing.assert_array_equal(np.asarray(tensor), arrays[name])
        written = io.BytesIO()
        tensor.tofile(written)
        assert written.getvalue() == tensor.tobytes() == arrays[name].tobytes()


def test_a_packed_weight_is_unpacked() -> None:
    packed = np.frombuffer(bytes([0x00, 0x21, 0x43]), np.uint8)
    reference = ir.ExternalTensor("weights.bin", 1, 2, ir.DataType.UINT4, shape=ir.Shape([4]), name="w")
    assert MappedTensor(reference, lambda: packed).numpy().tolist() == [1, 2, 3, 4]


def test_a_graph_is_inspected_without_reading_weights(folder: Path) -> None:
    model = Model(folder)
    swap(folder)
    assert model.grid(LAYER, (32, 32)) == (16, 16)
