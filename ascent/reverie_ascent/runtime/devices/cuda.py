"""What ONNX Runtime is told about a GPU: its provider's options, and which recording of a session a run belongs to.

Steps are recorded as CUDA graphs: after two ordinary runs with one set of tensors ONNX Runtime captures the third, and
from then on launches a whole step at once. A recording belongs to the tensors it was made with: each binding has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

GRAPH = "gpu_graph_id"
NOT_RECORDED = "-1"
"""The value of `GRAPH` for a run that is neither recorded nor replayed."""

_graphs = count(1)


def new_graph() -> str:
    """Return a number for a recording that no other binding of this process has."""
    return str(next(_graphs))


def provider_options(*, exact: bool, channels_last: bool) -> Mapping[str, str]:
    """Return the options of the CUDA provider.

    Algorithms are not chosen by timing them, so that a picture is the same on every run. TF32 rounds the factors of
    products and convolutions to ten bits; an ``exact`` device does without. ``channels_last`` lets convolutions work on
    [N, H, W, C].
    """
    return {
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": str(int(not exact)),
        "enable_cuda_graph": "1",
        "prefer_nhwc": str(int(channels_last)),
    }
