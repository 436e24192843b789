"""NVIDIA GPUs, by ONNX Runtime's CUDA provider.

Steps are recorded as CUDA graphs: after two ordinary runs with one set of tensors ONNX Runtime captures the third, and
from then on launches a whole step at once. A recording belongs to the tensors it was made with: each binding has one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from reverie_ascent.runtime import instruction_set
from reverie_ascent.runtime.devices.entry import DeviceType
from reverie_ascent.runtime.ort import onnxruntime

PROVIDER = "CUDAExecutionProvider"

PROBE = '<ir_version: 9, opset_import: ["": 18]> probe (float[1] x) => (float[1] y) { y = Neg(x) }'


def problem() -> str | None:
    """Return why CUDA cannot be used here, or None if a test session runs on it."""
    available = onnxruntime.get_available_providers()
    if PROVIDER not in available:
        return (
            f"onnxruntime {onnxruntime.__version__} here has no {PROVIDER}, only {', '.join(available)};"
            " install reverie[server-gpu] in place of reverie[server]"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for name, value in CUDA.config.items():
        options.add_session_config_entry(name, value)
    try:
        # Finds the libraries that pip has installed, and loads them into the process, as CUDA itself would.
        onnxruntime.preload_dlls()
        model = onnx.parser.parse_model(PROBE).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=[PROVIDER])
        session.run(None, {"x": np.zeros(1, np.float32)})
    except Exception as error:  # onnxruntime's own exceptions have no common type
        return f"{PROVIDER} does not work here: {error}"
    return None


def provider_options(exact: bool, channels_last: bool) -> Mapping[str, str]:
    """Return the options of the CUDA provider.

    Algorithms are not chosen by measuring them, so that a picture is the same on every run. TF32 rounds the factors of
    products and convolutions to ten bits; an ``exact`` device does not use it. With ``channels_last`` convolutions work
    on [N, H, W, C].
    """
    return {
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": str(int(not exact)),
        "enable_cuda_graph": "1",
        "prefer_nhwc": str(int(channels_last)),
    }


CUDA = DeviceType(
    name="cuda",
    provider=PROVIDER,
    problem=problem,
    place=("cuda", 0),
    instruction_set=instruction_set.cuda,
    options=provider_options,
    # A node that only the CPU can run is an error, because it would make every step slow.
    config={"session.disable_cpu_ep_fallback": "1"},
    records_runs=True,
    has_bfloat16=True,
)
