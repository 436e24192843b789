"""Loading state dicts into the networks of torchvision."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
import torchvision
from reverie_export.sources.torchvision_network import torchvision_network


def test_a_file_without_module_versions_loads_into_a_network_that_needs_them(tmp_path: Path) -> None:
    """MNASNet refuses a state dict without its version, which .safetensors cannot store."""
    torch.manual_seed(3)
    trained = torchvision.models.mnasnet0_5(weights=None)
    file = tmp_path / "w.safetensors"
    safetensors.torch.save_file(trained.state_dict(), file)
    loaded = torchvision_network("mnasnet0_5", str(file)).module
    assert torch.equal(loaded.classifier[1].weight, trained.classifier[1].weight)
