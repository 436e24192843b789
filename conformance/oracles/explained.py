"""Explanations of the cases of operators in which oracles disagree with Reverie.

Central differences in float64 decide which gradient is right; the report has them for each case. A disagreement without
an explanation here is an error of the report, and so is an explanation without a disagreement.
"""

from __future__ import annotations

from dataclasses import dataclass

TORCH, ONNX_AD, TRAINING = "torch_autograd", "onnx_ad", "ort_training"


@dataclass(frozen=True)
class Explanation:
    """The reason why an oracle disagrees on an operator, in the cases whose body contains one of ``where``."""

    oracle: str
    operator: str
    where: tuple[str, ...]
    reason: str


EXPLAINED = [
    Explanation(
        ONNX_AD,
        "Attention",
        ("m = Constant <value = bool",),
        "A query whose keys are all masked: it computes the softmax of minus infinities as 0 / 0, which gives NaN. "
        "Such a row of the result is zero, whatever the query, and so is its gradient.",
    ),
    Explanation(
        ONNX_AD,
        "Conv",
        ("pads = [2, 0, 1, 3]", "pads = [3, 2, 4, 1]", "pads = [0, 1, 2, 0]", "pads = [1, 1, 0, 1]"),
        "Pads that differ at the beginning and the end: its ConvTranspose has both `pads` and `output_shape`. ONNX "
        "says that `pads` are then ignored and distributed evenly, and ONNX Runtime does so. (ONNX's reference "
        "evaluator uses the pads, and then the same graph agrees with us.)",
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
        "It treats the result as constant. It is constant in the indices, but linear in the two values.",
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
        "For the approximation by tanh it uses the slope of the exact GELU.",
    ),
    Explanation(
        TRAINING,
        "Conv",
        ("auto_pad = ",),
        "It computes `auto_pad` wrongly. With explicit pads, even uneven ones, it agrees.",
    ),
    Explanation(
        TRAINING,
        "Where",
        ("Where(c, X, B)",),
        "A branch that was broadcast: it returns the gradient of the broadcast value, which has another shape.",
    ),
    Explanation(
        TRAINING,
        "Dropout",
        ("Dropout(X",),
        "It scales by 1 / (1 - ratio) although `training_mode` is false or not given and "
        "Dropout therefore does nothing.",
    ),
    Explanation(
        TRAINING,
        "Split",
        ("Split",),
        "Unused results: it joins only the gradients of the other results, so the gradient of the input is too short.",
    ),
    Explanation(
        TRAINING,
        "MatMul",
        ("MatMul(X, B)",),
        "A vector times a stack of matrices: it sums the cotangents and the matrices over the stack and multiplies the "
        "sums. The sum of the products is right.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("[2, 2, 3], strides = [2, 1, 2]",),
        "Overlapping windows of three dimensions: an element gets the share of one window instead of the sum.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("ceil_mode = 1, count_include_pad = 1",),
        "Windows that reach beyond the pads: ONNX Runtime 1.19 divides by the size of the whole kernel, in the forward "
        "pass too. ONNX and today's ONNX Runtime divide by the part within the pads.",
    ),
    Explanation(
        TRAINING,
        "AveragePool",
        ("dilations = ", "auto_pad = "),
        "It ignores `dilations` and computes `auto_pad` wrongly.",
    ),
    Explanation(
        TRAINING,
        "ScatterElements",
        ('reduction = "',),
        "It ignores `reduction`: it treats elements that are added or compared as replacements.",
    ),
    Explanation(
        TRAINING,
        "ScatterND",
        ('reduction = "',),
        "It ignores `reduction`: it treats elements that are added or compared as replacements.",
    ),
]


def explanation(oracle: str, operators: set[str], body: str) -> Explanation | None:
    """Return why an oracle disagrees on a case."""
    for each in EXPLAINED:
        if each.oracle == oracle and each.operator in operators and any(text in body for text in each.where):
            return each
    return None
