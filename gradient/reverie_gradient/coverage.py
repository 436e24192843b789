"""Tables of the operators of ai.onnx that have no rule, with the reasons.

Every operator that ONNX defines has a rule, is in one of the two tables below, or is defined by ONNX in terms of
simpler operators, which replace it before the gradient is built. A test compares the tables with ONNX.
"""

from __future__ import annotations

# No gradient passes these operators, which is correct; the value is the reason.
NO_GRADIENT: dict[str, str] = {
    # ----- constant almost everywhere -----
    **dict.fromkeys(
        ("ArgMax", "ArgMin", "Ceil", "Floor", "Hardmax", "Round", "Sign"), "its result is piecewise constant"
    ),
    # ----- Booleans -----
    **dict.fromkeys(
        (
            *("And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or"),
            *("OptionalHasElement", "RegexFullMatch", "Xor"),
        ),
        "its result is true or false",
    ),
    # ----- integers -----
    **dict.fromkeys(
        (
            *("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "NonMaxSuppression", "NonZero"),
            *("SequenceLength", "Shape", "Size"),
        ),
        "its result holds integers",
    ),
    # ----- made from shapes, integers, text or random numbers -----
    **dict.fromkeys(
        ("Constant", "ConstantOfShape", "EyeLike"), "its result does not depend on the values of its input"
    ),
    **dict.fromkeys(
        ("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"), "its inputs are sizes and frequencies"
    ),
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        "its result is random",
    ),
    **dict.fromkeys(
        ("ImageDecoder", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"),
        "its input is text or the bytes of a file",
    ),
}

# Inputs of other operators that are rounded to integers, or of which only the type or the shape matters.
NO_GRADIENT_INPUTS: dict[str, frozenset[int]] = {"CastLike": frozenset({1}), "MaxRoiPool": frozenset({1})}

UNROLLED = dict.fromkeys(
    ("GRU", "LSTM", "RNN"),
    "it is unrolled where the number of its steps is known and at most 256, without sequence_lens, layout, clip, "
    "input_forget or activations with parameters",
)
"""Operators that are replaced by their steps, and when they are not."""

# A gradient exists, but there is no rule for it; the value is the reason.
UNSUPPORTED: dict[str, str] = {
    "BitCast": "it reads the bits of a number as those of another",
    "Det": "the gradient of a determinant needs an inverse, which no operator computes",
    "If": "its branches are graphs of their own; fold the condition if it is constant",
    "Loop": "how often its body runs is known only at run time; unroll it",
    "Scan": "its body runs once for each element; unroll it",
    "Scatter": "ONNX removed it in opset 11; convert the model to a newer one, and it becomes ScatterElements",
    "Unique": "how many results it has depends on which values agree",
    "Upsample": "ONNX removed it in opset 10; convert the model to a newer one, and it becomes Resize",
    "SequenceMap": "its body runs once for each element of a sequence; unroll it",
    "LinearAttention": "ONNX defines it by a Scan; unroll it",
    **dict.fromkeys(
        (
            *("ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase"),
            *("SequenceInsert", "SplitToSequence"),
        ),
        "it handles sequences; write Split and Concat instead",
    ),
    **dict.fromkeys(("Optional", "OptionalGetElement"), "it handles optional values; use the tensor itself"),
}
