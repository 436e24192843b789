"""The sum of products of scores, and the gradient of each factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass
from reverie_gradient import add_gradient

from reverie_ascent.graph.fragment import fragment


def combine(products: Sequence[Sequence[int]], renders: int) -> ir.Model:
    """Return the fragment score{i} [N] -> score [N], the sum of the products, and score{i}_gradient [N]."""
    factors = sorted({i for product in products for i in product})
    kind = f"float[{renders}]"
    inputs = ", ".join(f"{kind} score{i}" for i in factors)
    body = ""
    for p, product in enumerate(products):
        first, *rest = product
        body += f"product{p}x0 = Identity(score{first})\n"
        for n, i in enumerate(rest, 1):
            body += f"product{p}x{n} = Mul(product{p}x{n - 1}, score{i})\n"
    ends = ", ".join(f"product{p}x{len(product) - 1}" for p, product in enumerate(products))
    model = fragment(f"products ({inputs}) => ({kind} score)", f"{body} score = Sum({ends})")
    values = ir.convenience.create_value_mapping(model.graph)
    one = ir.Value(name="one", const_value=ir.tensor(np.ones(renders, np.float32), name="one"))
    one.shape, one.type = values["score"].shape, values["score"].type
    model.graph.register_initializer(one)
    gradients = add_gradient(model.graph, of=values["score"], wrt=[values[f"score{i}"] for i in factors], cotangent=one)
    for i, gradient in zip(factors, gradients, strict=True):
        gradient.name = f"score{i}_gradient"
        model.graph.outputs.append(gradient)
    return ShapeInferencePass(check_type=True, strict_mode=True)(model).model
