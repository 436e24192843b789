"""Why oracles disagree with us on some cases of operators: each reduced to what sets it apart, and explained.

Central differences in float64 say who is right; the report has them for each. A disagreement that no line here explains
is an error of the report, and so is a line that explains none.
"""

from __future__ import annotations

from dataclasses import dataclass

TORCH, ONNX_AD, TRAINING = "torch_autograd", "onnx_ad", "ort_training"


@dataclass(frozen=True)
class Explanation:
    """Disagreements of an oracle on an operator, in the cases whose body holds one of ``where``, and the reason."""

    oracle: str
    operator: str
    where: tuple[str, ...]
    reason: str


EXPLAINED = [
    Explanation(
        ONNX_AD,
        "Attention",
        ("m = Constant <value = bool",),
        "A query that may look nowhere: the softmax of minus infinities is 0 / 0, and not a number from there on. "
        "Such a row of the result is zero, whatever the query, and so is its gradient.",
    ),
    Explanation(
        ONNX_AD,
        "Conv",
        ("pads = [2, 0, 1, 3]", "pads = [3, 2, 4, 1]", "pads = [0, 1, 2, 0]", "pads = [1, 1, 0, 1]"),
        "Pads that differ before and behind: its ConvTranspose is given both `pads` and `output_shape`. ONNX says that "
        "`pads` are then ignored and shared out evenly, and ONNX Runtime does so. (ONNX's reference evaluator takes "
        "the pads, and then the same graph agrees with us.)",
    ),
    Explanation(
        ONNX_AD,
        "AveragePool",
        ("pads = [1, 0, 1, 1]", "pads = [1, 1, 1, 0]", "pads = [1, 0, 2, 3]"),
        "As for Conv: uneven pads, in a ConvTranspose with `output_shape`.",
    ),
    Explanation(
        ONNX_AD, "LpPool", ("pads = [1, 0, 1, 1]",), "As for Conv: uneven pads, in a ConvTranspose with `output_shape`."
    ),
    Explanation(
        ONNX_AD,
        "OneHot",
        ("OneHot",),
        "It takes the result for constant, as it is in the indices. In the two values that it is made of it is linear.",
    ),
    Explanation(
        ONNX_AD,
        "ReduceProd",
        ("r = Relu(X)",),
        "Factors that are zero: it divides the product by each factor. The gradient is the product of all others.",
    ),
    Explanation(
        TRAINING,
        "Gelu",
        ('approximate = "tanh"',),
        "It takes the slope of the exact GELU for that of the approximation by tanh.",
    ),
    Explanation(
        TRAINING,
        "Conv",
        ("auto_pad = ",),
        "It gets `auto_pad` wrong: with pads written out, uneven ones too, it agrees.",
    ),
    Explanation(
        TRAINING,
        "Where",
        ("Where(c, X, B)",),
        "A branch that was stretched by broadcasting: it returns the gradient of the stretched one, of another shape.",
    ),
    Explanation(
        TRAINING,
        "Dropout",
        ("Dropout(X",),
        "It scales by 1 / (1 - ratio) although `training_mode` is false or not given, where Dropout does nothing.",
    ),
    Explanation(
        TRAINING,
        "Split",
        ("Split",),
        "Results that nobody uses: it joins the gradients of the others only, and theirs is too short.",
    ),
    Explanation(
        TRAINING,
        "MatMul",
        ("MatMul(X, B)",),
        "A vector times a stack of matrices: it adds up the cotangents and the matrices, each over the stack, and "
        "multiplies the sums; right is the sum of the products.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("[2, 2, 3], strides = [2, 1, 2]",),
        "Windows of three dimensions that overlap: an element is given the share of one of them, not the sum.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("ceil_mode = 1, count_include_pad = 1",),
        "Windows that stick out beyond the pads: ONNX Runtime 1.19, forward too, divides by the whole kernel. ONNX "
        "and ONNX Runtime today divide by what lies within the pads.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("dilations = ", "auto_pad = "),
        "It passes over `dilations`, and gets `auto_pad` wrong.",
    ),
    Explanation(
        TRAINING,
        "ScatterElements",
        ('reduction = "',),
        "It passes over `reduction`, and takes what is added or compared for what replaces.",
    ),
    Explanation(
        TRAINING,
        "ScatterND",
        ('reduction = "',),
        "It passes over `reduction`, and takes what is added or compared for what replaces.",
    ),
]


def explanation(oracle: str, operators: set[str], body: str) -> Explanation | None:
    """Return why an oracle disagrees on a case."""
    for each in EXPLAINED:
        if each.oracle == oracle and each.operator in operators and any(text in body for text in each.where):
            return each
    return None
