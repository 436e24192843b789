"""Input gradients of ONNX graphs, as ONNX graphs."""

from reverie_gradient.backward import add_gradient, missing_rule
from reverie_gradient.builder import Builder
from reverie_gradient.errors import GradientError, MissingRule, NotDifferentiable, UnknownName, UnknownShape, Unrelated
from reverie_gradient.folding import fold_constants
from reverie_gradient.functions import inline_functions
from reverie_gradient.inference import infer_shapes
from reverie_gradient.model import with_gradient
from reverie_gradient.nodes import inputs_of
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
    "fold_constants",
    "infer_shapes",
    "inline_functions",
    "inputs_of",
    "missing_rule",
    "unportable",
    "vjp",
    "with_gradient",
]
