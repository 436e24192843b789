"""What is decided about the operators of ai.onnx that have no rule.

Every operator that ONNX defines has a rule, or stands in one of the two lists below, or ONNX itself defines it by
simpler operators, which take its place before the gradient is built. A test compares all this with ONNX.
"""

from __future__ import annotations

# No gradient passes, and that is the right answer: the value for the reason, where the name does not say it all.
SILENT: dict[str, str] = {
    # ----- constant almost everywhere -----
    **dict.fromkeys(
        ("ArgMax", "ArgMin", "Ceil", "Floor", "Hardmax", "Round", "Sign"), "constant but for jumps, where it is nowhere"
    ),
    # ----- truth values -----
    **dict.fromkeys(
        (
            *("And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or"),
            *("OptionalHasElement", "RegexFullMatch", "Xor"),
        ),
        "its result is true or false",
    ),
    # ----- whole numbers -----
    **dict.fromkeys(
        (
            *("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "NonMaxSuppression", "NonZero"),
            *("SequenceLength", "Shape", "Size"),
        ),
        "its result holds whole numbers",
    ),
    # ----- made from shapes, whole numbers, text or chance -----
    **dict.fromkeys(
        ("Constant", "ConstantOfShape", "EyeLike"), "its result does not depend on the values of its input"
    ),
    **dict.fromkeys(
        ("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"), "its inputs are sizes and frequencies"
    ),
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        "its result is drawn by lot",
    ),
    **dict.fromkeys(
        ("ImageDecoder", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"),
        "its input is text or the bytes of a file",
    ),
}

# Inputs of other operators that are rounded to whole numbers, or of which only the type or the shape matters.
SILENT_INPUTS: dict[str, frozenset[int]] = {"CastLike": frozenset({1}), "MaxRoiPool": frozenset({1})}

# Mathematics has a gradient and Reverie does not, and why.
UNROLLED = dict.fromkeys(
    ("GRU", "LSTM", "RNN"),
    "it is unrolled where the number of its steps is known and at most 256, without sequence_lens, layout, clip, "
    "input_forget or activations with parameters",
)
"""What is defined by its steps, and when it is not."""

UNSUPPORTED: dict[str, str] = {
    "BitCast": "it reads the bits of a number as those of another",
    "Det": "the gradient of a determinant needs an inverse, which no operator computes",
    "If": "its branches are graphs of their own; fold the condition if it is constant",
    "Loop": "how often its body runs is known only at run time; unroll it",
    "Scan": "its body runs once for each element; unroll it",
    "Scatter": "ONNX gave it up in opset 11; convert the model to a newer one, and it becomes ScatterElements",
    "Unique": "how many results it has depends on which values agree",
    "Upsample": "ONNX gave it up in opset 10; convert the model to a newer one, and it becomes Resize",
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
