"""An export leaves no changes in its process."""

from __future__ import annotations

import logging
import warnings

import torch
from reverie_export.sources.torch_network import traced
from reverie_export.sources.torchvision_network import torchvision_network


def test_an_export_restores_generators_loggers_and_warnings() -> None:
    def settings() -> tuple[object, ...]:
        logger = logging.getLogger("torch.onnx")
        return torch.get_rng_state().tolist(), logger.level, logging.root.level, list(warnings.filters)

    before = settings()
    traced(torchvision_network("squeezenet1_1", "random:7"))
    assert settings() == before


def test_a_seed_still_decides_the_weights() -> None:
    def weight(seed: int) -> torch.Tensor:
        return next(torchvision_network("squeezenet1_1", f"random:{seed}").module.parameters())

    assert torch.equal(weight(3), weight(3))
    assert not torch.equal(weight(3), weight(4))
