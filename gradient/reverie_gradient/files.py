"""Models on disk: reading, with one-sentence errors, and atomic writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from reverie_gradient.errors import GradientError


def read_model(path: Path) -> onnx.ModelProto:
    """Return the model in ``path``, checked; its external data stays where it is.

    Raises:
        GradientError: The file is missing, is no ONNX model, or is one that ONNX's checker refuses.
    """
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise GradientError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own error, which is not ours to import
        raise GradientError(f"{str(path)!r} is not an ONNX model, or is cut short") from error
    if not model.HasField("graph"):
        raise GradientError(f"{str(path)!r} holds no graph; is it an ONNX model?")
    try:
        onnx.checker.check_model(str(path))  # by its path, so that its external data is looked for
    except onnx.checker.ValidationError as error:
        reason = next(line.strip() for line in str(error).splitlines() if line.strip())
        raise GradientError(f"{str(path)!r} is not a valid model: {reason}") from error
    return model


def write_model(model: onnx.ModelProto, path: Path, *, source: Path) -> None:
    """Write a model that was made from the one in ``source``; a failure leaves no partial file.

    Beside its source, the model refers to the same external data. In another folder it gets a copy of its own, in one
    file named after it with ``.data`` at the end.

    Raises:
        GradientError: The folder cannot be written to, or the external data cannot be read.
    """
    moved = path.parent.resolve() != source.parent.resolve() and any(_external(model))
    try:
        if moved:
            onnx.load_external_data_for_model(model, str(source.parent))
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".reverie-") as folder:
            if moved:
                data = f"{path.name}.data"
                onnx.save(model, Path(folder, path.name), save_as_external_data=True, location=data)
            else:
                Path(folder, path.name).write_bytes(model.SerializeToString())
            for part in sorted(Path(folder).iterdir(), reverse=True):  # the data first, the model last
                os.replace(part, path.parent / part.name)
    except OSError as error:
        raise GradientError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    except (onnx.checker.ValidationError, ValueError) as error:
        raise GradientError(f"cannot copy the external data of {str(source)!r}: {error}") from error


def _external(model: onnx.ModelProto) -> Iterator[TensorProto]:
    return (t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL)
