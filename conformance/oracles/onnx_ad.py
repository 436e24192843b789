"""onnx-ad, which turns a graph into that of its gradient by rules that owe nothing to ours; run by ONNX Runtime."""

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
    """Take the newest that there is."""
    return opset


def gradient(file: Path, feeds: Mapping[str, np.ndarray], cotangent: np.ndarray, of: str, wrt: str) -> np.ndarray:
    """Return d<of, cotangent> / d wrt; its last axis counts cotangents, of which there is one."""
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
