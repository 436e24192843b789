"""The floating-point precision of the training."""

from __future__ import annotations

import torch

FAST_BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
"""Whether this processor computes in bfloat16. Emulation of bfloat16 takes 12 times as long as float32."""


def reduced() -> torch.autocast:
    """Return a context in which layers compute in bfloat16 if that is fast on this machine, else in float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=FAST_BFLOAT16)
