"""Input gradients of ONNX graphs, as ONNX graphs."""

from reverie_gradient.backward import add_gradient
from reverie_gradient.builder import Builder
from reverie_gradient.errors import GradientError, MissingRule, NotDifferentiable, UnknownName, UnknownShape, Unrelated
from reverie_gradient.functions import inline_functions
from reverie_gradient.model import with_gradient
from reverie_gradient.table import Call, unportable, vjp
from reverie_gradient.term import Term

__all__ = [
    "Builder",
    "Call",
    "GradientError",
    "MissingRule",
    "NotDifferentiable",
    "Term",
    "UnknownName",
    "UnknownShape",
    "Unrelated",
    "add_gradient",
    "inline_functions",
    "unportable",
    "vjp",
    "with_gradient",
]
