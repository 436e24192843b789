"""Writes questions for the oracles into a folder, in the format of `conformance.oracles.contract`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from conformance.oracles.contract import COTANGENT


@dataclass(frozen=True)
class Asked:
    """A question with its models by type, and Reverie's answer in float64 or rounded from it."""

    name: str
    models: Sequence[tuple[str, onnx.ModelProto]]
    feeds: Mapping[str, np.ndarray]
    cotangent: np.ndarray
    of: str
    answer: Mapping[str, np.ndarray]


def write_questions(asked: Iterable[Asked], folder: Path) -> None:
    """Write all questions into a new folder, which replaces an existing one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entries = []
    for each in asked:
        forms = []
        for dtype, model in each.models:
            opset = model.opset_import[0].version
            file = f"{each.name}.{dtype}.{opset}.onnx"
            onnx.save(model, folder / file)
            forms.append({"dtype": dtype, "opset": opset, "file": file})
        arrays = {**each.feeds, COTANGENT: each.cotangent}
        np.savez(folder / f"{each.name}.npz", allow_pickle=False, **arrays)
        entries.append({"name": each.name, "forms": forms, "of": each.of, "wrt": list(each.answer)})
    (folder / "questions.json").write_text(json.dumps(entries, indent=1) + "\n")
