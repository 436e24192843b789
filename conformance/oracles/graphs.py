"""Questions about the layer graphs of the suite: their forward parts, and the stored gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx

from conformance.oracles.questions import Asked
from conformance.task import Task


def asked(tasks: Sequence[Task], stored: Mapping[str, np.ndarray]) -> Iterator[Asked]:
    """Yield a question for each layer graph whose result is stored."""
    for task in tasks:
        activation, gradient, *_ = task.outputs
        if activation == "activation" and not task.timed:
            image, cotangent = task.feeds.values()
            answer = {"image": stored[f"{task.name}/{gradient}"]}
            yield Asked(task.name, [("float32", forward(task))], {"image": image}, cotangent, activation, answer)


def forward(task: Task) -> onnx.ModelProto:
    """Return the part of a graph from the image to the activation, with its weights and with fixed sizes."""
    model = onnx.ModelProto()
    model.CopyFrom(task.model)
    if task.weights is not None:
        onnx.load_external_data_for_model(model, str(task.weights.parent))
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = task.sizes[dim.dim_param]
    return onnx.utils.Extractor(model).extract_model(["image"], ["activation"])
