"""`python -m reverie_gradient`: its output, and that it writes nothing if it fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from reverie_gradient.__main__ import FAILED, main

TEXT = """<ir_version: 9, opset_import: ["": 18]>
g (float[N,4] image) => (float[N,300] logits) { hidden = Relu(image) logits = MatMul(hidden, w) even = Det(w) }"""
WEIGHTS = np.arange(1200, dtype=np.float32).reshape(4, 300)


def write(folder: Path, *, external: bool = False) -> Path:
    model = onnx.parser.parse_model(TEXT)
    model.graph.node.pop()
    model.graph.initializer.append(numpy_helper.from_array(WEIGHTS, "w"))
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "model.onnx", save_as_external_data=external, location="weights.bin", size_threshold=0)
    return folder / "model.onnx"


def arguments(model: Path, out: Path, *, of: str = "logits", wrt: str = "image") -> list[str]:
    return [str(model), "--of", of, "--wrt", wrt, "-o", str(out)]


def gradient(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {"image": np.array([[-1, 1, 1, 1]], np.float32), "logits_cotangent": np.ones((1, 300), np.float32)}
    return np.asarray(session.run(["image_gradient"], feeds)[0])


@pytest.mark.parametrize("external", [False, True], ids=["inside", "external"])
@pytest.mark.parametrize("where", ["", "elsewhere"], ids=["beside", "elsewhere"])
def test_it_writes_a_model_that_runs_where_it_is(
    where: str, external: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write(tmp_path / "here", external=external)
    out = tmp_path / "here" / where / "out.onnx"
    out.parent.mkdir(exist_ok=True)
    assert main(arguments(model, out)) == 0
    assert "feed logits_cotangent, fetch image_gradient" in capsys.readouterr().out
    np.testing.assert_array_equal(gradient(out), [[0, *WEIGHTS.sum(1)[1:]]])
    copied = external and where != ""
    assert {p.name for p in out.parent.iterdir() if p.is_file()} - {"model.onnx", "weights.bin"} == (
        {"out.onnx", "out.onnx.data"} if copied else {"out.onnx"}
    )


def test_external_numbers_of_a_node_are_read_from_the_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["": 18]>
        g (float[N,4] image) => (float[N,12] logits) { logits = Tile (image, repeats) }"""
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3]), "repeats"))
    (tmp_path / "here").mkdir()
    file, out = tmp_path / "here" / "model.onnx", tmp_path / "here" / "out.onnx"
    onnx.save(model, file, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").write_bytes(np.array([5, 7]).tobytes())  # another's, in the current folder
    monkeypatch.chdir(tmp_path)
    assert main(arguments(file, out)) == 0
    whole = onnx.load(out).SerializeToString()  # ONNX Runtime refuses numbers of a Tile in external data
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    feeds = {"image": np.ones((1, 4), np.float32), "logits_cotangent": np.ones((1, 12), np.float32)}
    np.testing.assert_array_equal(session.run(["image_gradient"], feeds)[0], np.full((1, 4), 3))


def test_several_values_share_one_model(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    assert main([*arguments(write(tmp_path), out), "--wrt", "hidden"]) == 0
    assert [o.name for o in onnx.load(out).graph.output] == ["logits", "image_gradient", "hidden_gradient"]


def test_it_lists_what_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write(tmp_path)), "--list"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["w", "FLOAT[4,300]", "weights"],
        ["image", "FLOAT[N,4]", "input"],
        ["hidden", "FLOAT[N,4]", "Relu"],
        ["logits", "FLOAT[N,300]", "MatMul, an output"],
    ]


@dataclass(frozen=True)
class Failure:
    """``content`` (None: a valid model) makes the command fail with a message that contains all of ``says``."""

    says: tuple[str, ...]
    content: bytes | None = None
    of: str = "logits"
    wrt: str = "image"


UNSORTED = onnx.parser.parse_model(TEXT.replace("w)", "hidden)"))
UNSORTED.graph.node.insert(0, UNSORTED.graph.node.pop(1))

FAILURES = {
    "no such file": Failure(("missing.onnx", "No such file")),
    "not a model": Failure(("is not an ONNX model",), b"GIF89a, and more of that"),
    "cut short": Failure(("is not an ONNX model",), onnx.parser.parse_model(TEXT).SerializeToString()[:-7]),
    "empty": Failure(("holds no graph",), b""),
    "out of order": Failure(("is not a valid model", "sorted"), UNSORTED.SerializeToString()),
    "no such value": Failure(("no value named 'logit'", "'logits'"), of="logit"),
    "unrelated": Failure(("'hidden' does not depend on 'w'",), of="hidden", wrt="w"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_one_sentence_and_writes_nothing(
    failure: Failure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write(tmp_path)
    if "missing.onnx" in failure.says:
        model = tmp_path / "missing.onnx"
    elif failure.content is not None:
        model.write_bytes(failure.content)
    before = set(tmp_path.iterdir())
    assert main(arguments(model, tmp_path / "out.onnx", of=failure.of, wrt=failure.wrt)) == FAILED
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert [part for part in failure.says if part not in stderr] == []
    assert set(tmp_path.iterdir()) == before


def test_external_data_outside_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(tmp_path / "here", external=True)
    loaded = onnx.load(model, load_external_data=False)
    next(e for e in loaded.graph.initializer[0].external_data if e.key == "location").value = "../secret"
    model.write_bytes(loaded.SerializeToString())
    (tmp_path / "secret").write_bytes(bytes(48))
    assert main(arguments(model, tmp_path / "out.onnx")) == FAILED
    assert "is not a valid model" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {"here", "secret"}


def test_the_model_itself_and_missing_folders_are_refused_as_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write(tmp_path)
    before = model.read_bytes()
    assert main(arguments(model, model)) == FAILED
    assert main(arguments(model, tmp_path / "nowhere" / "out.onnx")) == FAILED
    stderr = capsys.readouterr().err.splitlines()
    assert "is the model itself" in stderr[0]
    assert "No such file or directory" in stderr[1]
    assert model.read_bytes() == before


#: A name that a file may hold, as a terminal would obey it, and as it is printed.
HOSTILE = "\x1b[2J\x9bm\u202e\npython: all is well"
SHOWN = "\\x1b[2J\\x9bm\\u202e\\npython: all is well"


def hostile(folder: Path) -> Path:
    model = onnx.parser.parse_model(TEXT)
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = model.graph.node[2].input[0] = HOSTILE
    model.graph.node[1].op_type = "Det"
    model.graph.node[1].name = HOSTILE
    del model.graph.node[1].input[1], model.graph.node[2:]
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def test_names_from_elsewhere_cannot_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = hostile(tmp_path / HOSTILE), tmp_path / HOSTILE / "out.onnx"
    assert main([str(model), "--list"]) == 0
    assert main(arguments(model, out)) == FAILED
    assert main(arguments(model, out, of=HOSTILE)) == 0
    assert main(arguments(model, out, of="absent")) == FAILED
    with pytest.raises(SystemExit):
        main([str(model), "--of", HOSTILE, HOSTILE])
    printed = capsys.readouterr()
    lines = [*printed.out.splitlines(), *printed.err.splitlines()]
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("python: all is well") for line in lines)
    assert sum(SHOWN in line for line in lines) >= 3


def test_a_missing_argument_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=str(FAILED)):
        main([str(write(tmp_path)), "--of", "logits"])
    assert "--wrt, --output must be given" in capsys.readouterr().err
