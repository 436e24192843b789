"""The oracle onnx-ad, which builds the graph of the gradient by independent rules; run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ad
import onnxruntime

from conformance.oracles.contract import Refused


def version() -> str:
    """Return the release."""
    return str(onnx_ad.__version__)


def preference(opset: int) -> int:
    """Prefer the newest form."""
    return opset


def gradient(file: Path, feeds: Mapping[str, np.ndarray], cotangent: np.ndarray, of: str, wrt: str) -> np.ndarray:
    """Return d<of, cotangent> / d wrt; onnx-ad's result has a last axis for cotangents, here of length 1."""
    try:
        built = onnx_ad.reverse(onnx.load(file), inputs=[wrt], outputs=[of], layout="onnx")
    except onnx_ad.UnsupportedOperator as error:
        raise Refused(str(error)) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(built.SerializeToString(), options, providers=["CPUExecutionProvider"])
    *given, seed = (value.name for value in session.get_inputs())
    fed = {name: feeds[name] for name in given} | {seed: cotangent[..., None]}
    return np.asarray(session.run([f"adj_{wrt}"], fed)[0])[..., 0]
