"""Exports a network to a model folder: one graph per layer, with its input gradient."""

from importlib import import_module
from typing import TYPE_CHECKING

from reverie_export.errors import BadOption, BadSource, BadWeights, ExportError, FolderInUse, NoLayers, UnknownLayer

if TYPE_CHECKING:
    from reverie_export.pipeline import Exported, export_model
    from reverie_export.sources.open import Overrides

__all__ = [
    "BadOption",
    "BadSource",
    "BadWeights",
    "ExportError",
    "Exported",
    "FolderInUse",
    "NoLayers",
    "Overrides",
    "UnknownLayer",
    "export_model",
]

# The names that load onnx: `reverie --help` imports this package for one sentence and needs none of them.
_HEAVY = {
    "Exported": "reverie_export.pipeline",
    "Overrides": "reverie_export.sources.open",
    "export_model": "reverie_export.pipeline",
}


def __getattr__(name: str) -> object:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HEAVY[name]), name)
