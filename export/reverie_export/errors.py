"""The errors of an export.

ExportError
├── BadSource         the source cannot be read, imported or traced
├── BadWeights        the weights are missing, damaged or not this network's
├── UnknownLayer      a name in ``layers`` is none of the network's
├── NoLayers          nothing of the network can be exported
├── BadOption         an option has a value that cannot be used
└── FolderInUse       the model's folder exists already
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExportError(Exception):
    """An export that failed; nothing has been written."""


class BadSource(ExportError):
    """The source cannot be read, imported or traced."""


class BadWeights(ExportError):
    """The weights are missing, damaged or made for another network."""


class UnknownLayer(ExportError):
    """A name that none of the network's layers has."""


class NoLayers(ExportError):
    """No layer of the network can be exported."""


class BadOption(ExportError):
    """An option has a value that cannot be used."""


class FolderInUse(ExportError):
    """The folder that the model would be written to exists already."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> str:
    """Return the names of ``known`` closest to ``name`` as the end of a sentence: ``; nearest: vgg19, vgg16``."""
    known = list(known)
    found = difflib.get_close_matches(name, known, n=count, cutoff=0.4)
    return f"; nearest: {', '.join(found)}" if found else ""
