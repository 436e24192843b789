"""Elementwise operators, with broadcasting."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from onnx import TensorProto, numpy_helper

from conformance.oracles.torch_operators.call import Call, Function, Tensor

F = torch.nn.functional

TYPES = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}


def plain(function: Any) -> Function:
    """Return a function that passes on the inputs of a node without omitted ones."""
    return lambda call: function(*(x for x in call.inputs if x is not None))


def constant(call: Call) -> Tensor:
    """Return the value of a Constant."""
    if "value" in call.attributes:
        return torch.from_numpy(numpy_helper.to_array(call.attributes["value"]).copy())
    ((name, value),) = call.attributes.items()
    return torch.tensor(value, dtype=torch.int64 if "int" in name else torch.float32)


def selu(call: Call) -> Tensor:
    """gamma * elu(x, alpha)."""
    alpha, gamma = call.get("alpha", 1.6732632423543772), call.get("gamma", 1.0507009873554805)
    return gamma * F.elu(call.x, alpha)


def shrink(call: Call) -> Tensor:
    """Move elements beyond lambd by the bias towards zero, and set the others to zero."""
    bias, lambd, x = call.get("bias", 0.0), call.get("lambd", 0.5), call.x
    return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, torch.zeros_like(x)))


FUNCTIONS: dict[str, Function] = {
    **{
        name: plain(getattr(torch, name.lower()))
        for name in (
            *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp"),
            *("Floor", "Log", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Tan"),
            *("Tanh", "Add", "Sub", "Mul", "Div", "Pow", "Greater", "Less"),
        )
    },
    **dict.fromkeys(("Identity", "Dropout"), lambda call: call.x),
    "And": plain(torch.logical_and),
    "Cast": lambda call: call.x.to(TYPES[call.attributes["to"]]),
    "CastLike": lambda call: call.x.to(call.inputs[1].dtype),
    "Celu": lambda call: F.celu(call.x, call.get("alpha", 1.0)),
    "Clip": lambda call: torch.clamp(call.x, *call.inputs[1:]),
    "Constant": constant,
    "Elu": lambda call: F.elu(call.x, call.get("alpha", 1.0)),
    "Equal": plain(torch.eq),
    "Gelu": lambda call: F.gelu(call.x, approximate=call.get("approximate", "none")),
    "HardSigmoid": lambda call: torch.clamp(call.get("alpha", 0.2) * call.x + call.get("beta", 0.5), 0, 1),
    "HardSwish": plain(F.hardswish),
    "LeakyRelu": lambda call: F.leaky_relu(call.x, call.get("alpha", 0.01)),
    "Max": lambda call: reduce(torch.maximum, call.inputs),
    "Mean": lambda call: sum(call.inputs) / len(call.inputs),
    "Min": lambda call: reduce(torch.minimum, call.inputs),
    "Mish": plain(F.mish),
    "Mod": plain(torch.fmod),
    "Not": plain(torch.logical_not),
    "PRelu": lambda call: torch.where(call.x >= 0, call.x, call.inputs[1] * call.x),
    "Selu": selu,
    "Shrink": shrink,
    "Softplus": plain(F.softplus),
    "Softsign": plain(F.softsign),
    "Sum": lambda call: sum(call.inputs),
    "SwiGLU": lambda call: call.x * torch.sigmoid(call.get("alpha", 1.0) * call.x) * call.inputs[1],
    "Swish": lambda call: call.x * torch.sigmoid(call.get("alpha", 1.0) * call.x),
    "ThresholdedRelu": lambda call: F.threshold(call.x, call.get("alpha", 1.0), 0.0),
    "Where": plain(torch.where),
}
