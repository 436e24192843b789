"""From a network to a model folder: one graph per layer, its input gradient inside."""

from reverie_export.errors import BadOption, BadSource, BadWeights, ExportError, FolderInUse, NoLayers, UnknownLayer
from reverie_export.pipeline import Exported, export_model
from reverie_export.sources.opened import Overrides

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
