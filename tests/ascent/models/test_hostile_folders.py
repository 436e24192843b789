"""Malicious model folders: each agrees with its manifest, and none is served."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from reverie_ascent.models.inspection import allowed
from reverie_ascent.models.repository import ModelError, ModelRepository, embedded_models

LAYER = "conv1_1"


class Folder:
    """A valid model folder, which a test makes malicious."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
        self.file = next(each["file"] for each in self.manifest["layers"] if each["layer"]["name"] == LAYER)

    def graph(self) -> onnx.ModelProto:
        return onnx.load(self.path / self.file, load_external_data=False)

    def rewrite(self, change: Callable[[onnx.ModelProto], object]) -> None:
        """Change a graph, and update the manifest."""
        model = self.graph()
        change(model)
        self.write(self.file, model.SerializeToString())

    def write(self, name: str, data: bytes) -> None:
        (self.path / name).write_bytes(data)
        entry = next(each for each in self.manifest["files"] if each["name"] == name)
        entry |= {"sizeBytes": str(len(data)), "sha256": hashlib.sha256(data).hexdigest()}
        entry.pop("size_bytes", None)
        self.save()

    def save(self) -> None:
        (self.path / "manifest.json").write_text(json.dumps(self.manifest))


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Folder:
    shutil.copytree(models / "tiny", tmp_path / "tiny")
    return Folder(tmp_path / "tiny")


def weight(model: onnx.ModelProto) -> TensorProto:
    return next(each for each in model.graph.initializer if each.data_location == TensorProto.EXTERNAL)


def placed(key: str, value: str) -> Callable[[onnx.ModelProto], None]:
    """Return a change that gives a weight other external data attributes."""

    def change(model: onnx.ModelProto) -> None:
        external = weight(model).external_data
        entry = next((each for each in external if each.key == key), None) or external.add(key=key)
        entry.value = value

    return change


def untyped(model: onnx.ModelProto) -> None:
    weight(model).data_type = TensorProto.STRING


def node(op: str, domain: str = "", **attributes: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(op, ["image"], ["odd"], domain=domain, **attributes))

    return change


def external_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="passwd", data_type=TensorProto.UINT8, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["odd"], value=tensor))


def a_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("mine", "F", [], [], [], [helper.make_opsetid("", 18)]))


def cyclic(model: onnx.ModelProto) -> None:
    first = model.graph.node[0]
    first.input[0] = model.graph.node[-1].output[0]


def out_of_order(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))


def computed_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(model.graph.node[0])


def many_nodes(model: onnx.ModelProto) -> None:
    one = helper.make_node("Identity", ["image"], [""])
    model.graph.node.extend([one] * 300_000)


def without(kind: str, name: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        values = getattr(model.graph, kind)
        kept = [each for each in values if each.name != name]
        del values[:]
        values.extend(kept)

    return change


def uncomputed(model: onnx.ModelProto) -> None:
    for each in model.graph.node:
        each.output[:] = ["elsewhere" if name == "gradient" else name for name in each.output]


def typed(name: str, kind: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            if value.name == name:
                value.type.tensor_type.elem_type = kind

    return change


def dimension(name: str, axis: int, size: int | str) -> Callable[[onnx.ModelProto], None]:
    """Return a change that declares another size of an input or output."""

    def change(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            if value.name == name:
                dim = value.type.tensor_type.shape.dim[axis]
                dim.ClearField("value")
                if isinstance(size, int):
                    dim.dim_value = size
                else:
                    dim.dim_param = size

    return change


def shapeless(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


BODY = helper.make_graph([], "body", [], [])

# A description, a change of a graph, and the message.
GRAPHS = [
    ("a weight from elsewhere", placed("location", "/etc/passwd"), "is in '/etc/passwd' and not in 'weights.bin'"),
    ("a weight from above", placed("location", "../weights.bin"), "is in '../weights.bin'"),
    ("a weight in itself", placed("location", "manifest.json"), "is in 'manifest.json'"),
    ("a weight behind the end", placed("offset", "999999999999"), "is said to end at byte"),
    ("a weight before the start", placed("offset", "-4"), "has no offset and length"),
    ("a weight without end", placed("length", "9" * 30), "has no offset and length"),
    ("a weight that is too short", placed("length", "4"), "is said to have 4 bytes, and its shape and type take"),
    ("a weight without a type", untyped, "its shape and type take None"),
    ("a place with more to say", placed("basepath", "/etc"), "says 'basepath' of its place"),
    ("a constant from elsewhere", external_constant, "is in another file"),
    ("another domain's operator", node("Gelu", "com.microsoft"), "is of the domain 'com.microsoft'"),
    ("Python in a graph", node("PyOp", "ai.onnx.contrib"), "is of the domain 'ai.onnx.contrib'"),
    ("a loop", node("Loop", body=BODY), "operator 'Loop'"),
    ("a branch", node("If", then_branch=BODY, else_branch=BODY), "operator 'If'"),
    ("a scan", node("Scan", body=BODY, num_scan_inputs=1), "operator 'Scan'"),
    ("chance", node("RandomNormalLike"), "operator 'RandomNormalLike'"),
    ("a text", node("StringNormalizer"), "operator 'StringNormalizer'"),
    ("a sequence", node("SequenceConstruct"), "operator 'SequenceConstruct'"),
    ("an unknown operator", node("Payload"), "operator 'Payload'"),
    ("a cycle", cyclic, "a cycle or a gap"),
    ("nodes out of order", out_of_order, "which nothing before it computes"),
    ("a value computed twice", computed_twice, "which exists already"),
    ("300,000 nodes", many_nodes, "nodes, and at most 50000 are served"),
    ("no output", lambda model: model.graph.ClearField("output"), "its outputs are none and not 'activation'"),
    ("no gradient", without("output", "gradient"), "its outputs are 'activation' and not"),
    ("no cotangent", without("input", "cotangent"), "its inputs are 'image' and not"),
    ("no nodes", lambda model: model.graph.ClearField("node"), "nothing computes its output"),
    ("an output that nothing computes", uncomputed, "nothing computes its output 'gradient'"),
    ("an integer picture", typed("image", TensorProto.INT64), "'image' is INT64 and not FLOAT"),
    ("a half activation", typed("activation", TensorProto.FLOAT16), "'activation' is FLOAT16 and not FLOAT"),
    ("a picture of no type", typed("image", 0), "'image' is UNDEFINED and not FLOAT"),
    ("a picture of four channels", dimension("image", 1, 4), "'image' has 4 channels and the manifest says 3"),
    (
        "an activation of 7 channels",
        dimension("activation", 1, 7),
        "'activation' has 7 channels and the manifest says 6",
    ),
    ("an activation of any channels", dimension("activation", 1, "C"), "'activation' has any number of channels"),
    ("a picture without a shape", shapeless, "'image' has 0 dimensions and not 4"),
    ("a function", a_function, "it defines functions of its own"),
    (
        "another domain",
        lambda model: model.opset_import.append(helper.make_opsetid("com.microsoft", 1)),
        "operators of the domain 'com.microsoft'",
    ),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in GRAPHS], ids=[row[0] for row in GRAPHS])
def test_a_graph_that_does_more_than_compute_is_not_served(
    folder: Folder, change: Callable[[onnx.ModelProto], object], message: str
) -> None:
    folder.rewrite(change)
    (model,) = ModelRepository([folder.path]).models()
    with pytest.raises(ModelError) as verified:
        model.verify()
    with pytest.raises(ModelError) as used:
        model.graph(LAYER)
    for refusal in (verified, used):
        assert message in str(refusal.value)
        assert folder.file in str(refusal.value)


@pytest.mark.parametrize("number", [5, 7, 1_000_000])
def test_a_manifest_that_lies_about_channels_is_not_served(folder: Folder, number: int) -> None:
    channels(number)(folder)
    with pytest.raises(ModelError, match=f"has 6 channels and the manifest says {number}"):
        ModelRepository([folder.path]).models()[0].verify()


def test_a_graph_that_lies_with_its_manifest_is_not_served(folder: Folder) -> None:
    """Both say 7 channels; the weights make 6."""
    for name in ("activation", "cotangent"):
        folder.rewrite(dimension(name, 1, 7))
    channels(7)(folder)
    with pytest.raises(ModelError, match="its activation has 6 channels and the manifest says 7"):
        ModelRepository([folder.path]).models()[0].verify()


def test_a_broken_model_is_set_aside_and_others_are_served(folder: Folder) -> None:
    home = folder.path.parent
    for name in ("whole", "late"):
        shutil.copytree(folder.path, home / name)
        with_field("name", value=name)(Folder(home / name))
    (home / "late" / folder.file).write_bytes(bytes((home / "late" / folder.file).stat().st_size))
    channels(0)(folder)
    repository = ModelRepository([home])
    assert [model.name for model in repository.models()] == ["late", "whole"]
    repository.verify()
    assert [model.name for model in repository.models()] == ["whole"]
    assert {name: why.rpartition("; ")[2] for name, why in repository.broken.items()} == dict.fromkeys(
        ("late", "tiny"), "export the model again"
    )
    with pytest.raises(ModelError, match="has 0 channels"):
        repository.model("tiny")


def test_bytes_that_are_not_a_graph_are_not_served(folder: Folder) -> None:
    folder.write(folder.file, b"\xff" * 100)
    with pytest.raises(ModelError, match="is not an ONNX graph"):
        ModelRepository([folder.path]).models()[0].verify()


def linked(folder: Folder, name: str) -> None:
    path = folder.path / name
    path.rename(folder.path.parent / "elsewhere")
    path.symlink_to(folder.path.parent / "elsewhere")


def listed(folder: Folder, name: str) -> None:
    """List a file of another folder in the manifest, with its true size and digest."""
    data = b"secret"
    (folder.path.parent / "secret").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    folder.manifest["files"].append({"name": name, "sizeBytes": str(len(data)), "sha256": digest})
    folder.save()


def grown(folder: Folder, name: str) -> None:
    with (folder.path / name).open("ab") as file:
        file.write(b"x")


def doubled(folder: Folder, name: str) -> None:
    folder.manifest[name].append(folder.manifest[name][0])
    folder.save()


def channels(number: int) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        entry = next(each for each in folder.manifest["layers"] if each["layer"]["name"] == LAYER)
        entry["layer"]["channels"] = number
        folder.save()

    return change


def with_field(*path: str | int, value: object) -> Callable[[Folder], None]:
    """Return a change that puts a value into the manifest."""

    def change(folder: Folder) -> None:
        place: Any = folder.manifest
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        folder.save()

    return change


def nested(folder: Folder) -> None:
    (folder.path / "manifest.json").write_text('{"x":' + "[" * 100_000 + "]" * 100_000 + "}")


def a_pipe(name: str) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        (folder.path / name).unlink()
        os.mkfifo(folder.path / name)

    return change


def a_folder(name: str) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        (folder.path / name).unlink()
        (folder.path / name).mkdir()

    return change


def moved_behind_a_link(folder: Folder) -> None:
    folder.path.rename(folder.path.parent / "elsewhere")
    folder.path.symlink_to(folder.path.parent / "elsewhere")


def bloated(folder: Folder, name: str) -> None:
    os.truncate(folder.path / name, 2**30)


# A description, a change of a folder, and the message.
FOLDERS: list[tuple[str, Callable[[Folder], object], str]] = [
    ("a path upwards", lambda folder: listed(folder, "../secret"), "as a file of its own folder"),
    ("an absolute path", lambda folder: listed(folder, str(folder.path.parent / "secret")), "of its own folder"),
    ("the folder above", lambda folder: listed(folder, ".."), ""),
    ("linked weights", lambda folder: linked(folder, "weights.bin"), "is a link"),
    ("a linked graph", lambda folder: linked(folder, folder.file), "is a link"),
    ("a linked manifest", lambda folder: linked(folder, "manifest.json"), "is a link"),
    ("a larger file", lambda folder: grown(folder, "weights.bin"), "and the manifest says"),
    ("a layer twice", lambda folder: doubled(folder, "layers"), "twice"),
    ("a file twice", lambda folder: doubled(folder, "files"), "twice"),
    ("a folder that is a link", moved_behind_a_link, "is a link; name the folder that it leads to"),
    ("a pipe as manifest", a_pipe("manifest.json"), "is a link or no file"),
    ("a pipe as weights", a_pipe("weights.bin"), "is missing"),
    ("a folder as manifest", a_folder("manifest.json"), "no file"),
    ("a description of 15 MiB", with_field("description", value="x" * 15 * 2**20), "its description has 15728640"),
    ("a name that forges a line", with_field("name", value="x\n2026 ERROR y"), r"'x\n2026 ERROR y' has characters"),
    ("a name that colours", with_field("layers", 0, "layer", "name", value="\x1b[31m"), "cannot be shown"),
    ("an alias that colours", with_field("layers", 0, "layer", "aliases", value=["\x9b"]), "cannot be shown"),
    ("a long name", with_field("name", value="x" * 300), "has 300 characters"),
    ("a long label", with_field("labels", 0, value="x" * 2000), "a label has 2000 characters"),
    ("too many labels", with_field("labels", value=["x" * 1000] * 2000), "its labels and aliases have"),
    ("no channels", channels(0), "has 0 channels"),
    ("fewer than no channels", channels(-6), "has -6 channels"),
    ("a mean that is no number", with_field("normalisation", "mean", value=["NaN"] * 3), "mean is nan"),
    ("an infinite scale", with_field("normalisation", "scale", value="Infinity"), "scale is inf"),
    ("a size below zero", with_field("native_size", value={"height_px": -1, "width_px": 8}), "height_px is -1"),
    ("a size that is no number", with_field("native_size", value={"height_px": "many"}), "cannot be read"),
    ("a manifest without end", nested, "cannot be read"),
    ("a huge manifest", lambda folder: bloated(folder, "manifest.json"), "larger than"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in FOLDERS], ids=[row[0] for row in FOLDERS])
def test_a_folder_that_refers_outside_of_itself_is_not_served(
    folder: Folder, change: Callable[[Folder], object], message: str
) -> None:
    change(folder)
    with pytest.raises(ModelError) as refusal:
        ModelRepository([folder.path])
    assert message in str(refusal.value)


def test_valid_folders_are_served(folder: Folder) -> None:
    folder.rewrite(lambda model: None)
    for path in (folder.path, embedded_models()):
        for model in ModelRepository([path]).models():
            model.verify()


def test_operators_of_networks_are_allowed() -> None:
    assert {"Conv", "Relu", "MaxPool", "Gemm", "MatMul", "HardSigmoid", "Where", "Resize", "Attention"} <= allowed()
    assert not {"Loop", "If", "Scan", "RandomUniform", "Optional", "SequenceAt", "RegexFullMatch"} & allowed()
