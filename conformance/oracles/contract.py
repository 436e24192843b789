"""The interface of oracles, which are modules with ``version``, ``preference`` and ``gradient``, and their questions.

Questions are a folder, because each oracle runs in its own environment: ``questions.json``, models, and for each
question its arrays in one .npz, in float64, rounded to what float32 holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COTANGENT = "cotangent"


@dataclass(frozen=True)
class Form:
    """A model in one type, "float32" or "float64", and one opset."""

    dtype: str
    opset: int
    file: str


@dataclass(frozen=True)
class Question:
    """A question: d<of, cotangent> / d wrt for each of ``wrt``, with the model in several equivalent forms."""

    name: str
    folder: Path
    forms: tuple[Form, ...]
    of: str
    wrt: tuple[str, ...]

    def arrays(self, dtype: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the inputs of the model, and the cotangent."""
        with np.load(self.folder / f"{self.name}.npz") as stored:
            feeds = {name: stored[name].astype(dtype) for name in stored.files}
        return feeds, feeds.pop(COTANGENT)


class Refused(Exception):
    """The oracle has no gradient for this model."""


def read_questions(folder: Path) -> Iterator[Question]:
    """Yield all questions of a folder."""
    for entry in json.loads((folder / "questions.json").read_text()):
        forms = tuple(Form(**form) for form in entry["forms"])
        yield Question(entry["name"], folder, forms, entry["of"], tuple(entry["wrt"]))
