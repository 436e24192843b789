"""What an oracle is asked, and what it is: a module with ``version``, ``preference`` and ``gradient``.

Questions lie in a folder, since each oracle runs in an environment of its own: ``questions.json``, models, and for each
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
    """What is d<of, cotangent> / d wrt, for each of ``wrt``? The model comes in several forms, of one meaning."""

    name: str
    folder: Path
    forms: tuple[Form, ...]
    of: str
    wrt: tuple[str, ...]

    def arrays(self, dtype: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return what the model is fed, and the cotangent."""
        with np.load(self.folder / f"{self.name}.npz") as stored:
            feeds = {name: stored[name].astype(dtype) for name in stored.files}
        return feeds, feeds.pop(COTANGENT)


class Refused(Exception):
    """The oracle says that it has no gradient for this."""


def read_questions(folder: Path) -> Iterator[Question]:
    """Yield all questions of a folder."""
    for entry in json.loads((folder / "questions.json").read_text()):
        forms = tuple(Form(**form) for form in entry["forms"])
        yield Question(entry["name"], folder, forms, entry["of"], tuple(entry["wrt"]))
