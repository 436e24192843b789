"""The gradients of the suite against onnx-ad's, which owes nothing to ours: ``python -m conformance.oracles.onnx_ad``.

Runs in an environment of its own, on the suite as `conformance.suite` wrote it, in ONNX Runtime and float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ad
import onnxruntime

from conformance.table import distance
from conformance.task import SUITE

ANSWER = Path(__file__).parents[1] / "answer.npz"


def main() -> None:
    """Print, for each layer graph, how far onnx-ad's gradient is from the stored one."""
    stored = np.load(ANSWER)
    for entry in json.loads((SUITE / "suite.json").read_text()):
        gradient = f"{entry['name']}/{entry['outputs'][1]}"
        if entry["outputs"][0] == "activation" and not entry["timed"]:
            try:
                told = f"{distance(_gradient(entry), stored[gradient]):.0e}"
            except Exception as error:  # whatever it cannot do is what there is to be said
                told = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"{entry['name']}: {told}")


def _gradient(entry: dict[str, Any]) -> np.ndarray:
    model = onnx.load(SUITE / entry["file"])
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = entry["sizes"][dim.dim_param]
    forward = onnx.utils.Extractor(model).extract_model(["image"], ["activation"])
    feeds = [np.fromfile(SUITE / each["file"], np.float32).reshape(each["shape"]) for each in entry["inputs"]]
    session = onnxruntime.InferenceSession(
        onnx_ad.reverse(forward, inputs=["image"], outputs=["activation"], layout="onnx").SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    image, seed = (value.name for value in session.get_inputs())
    found = session.run([session.get_outputs()[-1].name], {image: feeds[0], seed: feeds[1][..., None]})
    return np.asarray(found[0])[..., 0]


if __name__ == "__main__":
    main()
