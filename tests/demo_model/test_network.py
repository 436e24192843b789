"""The network: VGG19's names and order, a fold that changes no result, and an adversary within its ball."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from demo_model.adversary import attack, normalised
from demo_model.network import LABELS, fold, texture19, trainable

VGG19 = [("conv1", 2), ("conv2", 2), ("conv3", 4), ("conv4", 4), ("conv5", 4)]


def names_of_vgg19() -> list[str]:
    names = []
    for block, depth in VGG19:
        for k in range(1, depth + 1):
            names += [f"{block}_{k}", f"{block.replace('conv', 'relu')}_{k}"]
        names.append(block.replace("conv", "pool"))
    return names


def trained_a_little() -> nn.Sequential:
    """A network whose normalisations have statistics of images, so that folding them has an effect."""
    torch.manual_seed(0)
    network = trainable()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    with torch.no_grad():
        for _ in range(3):
            network(normalised(torch.rand(4, 3, 64, 64)))
    return network.eval()


def test_the_layers_have_the_names_of_vgg19() -> None:
    names = [name for name, _ in texture19().named_children()]
    assert names == [*names_of_vgg19(), "avgpool", "flatten", "logits"]


def test_the_layers_are_those_of_vgg19_at_a_quarter_of_the_width() -> None:
    layers = dict(texture19().named_children())
    convolutions = [layer for layer in layers.values() if isinstance(layer, nn.Conv2d)]
    assert [4 * c.out_channels for c in convolutions] == [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    assert all(a.out_channels == b.in_channels for a, b in pairwise(convolutions))
    assert all(c.kernel_size == (3, 3) and c.padding == (1, 1) and c.bias is not None for c in convolutions)
    assert not any(layer.inplace for layer in layers.values() if isinstance(layer, nn.ReLU))


@pytest.mark.parametrize("side", [32, 64, 100])
def test_images_of_any_size_give_a_logit_per_class(side: int) -> None:
    assert texture19()(torch.zeros(2, 3, side, side)).shape == (2, len(LABELS))


def test_folding_the_normalisation_changes_nothing() -> None:
    trained, deployed = trained_a_little(), texture19()
    deployed.load_state_dict(fold(trained))
    images = normalised(torch.rand(4, 3, 64, 64))
    with torch.no_grad():
        expected, found = trained(images), deployed(images)
    assert (expected - found).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("side", "reach"), [(64, 0.5), (96, 0.75)])
def test_the_adversary_increases_the_loss_within_its_ball(side: int, reach: float) -> None:
    network, images, labels = trained_a_little(), 0.25 + 0.5 * torch.rand(4, 3, side, side), torch.arange(4)
    change = attack(network, images, labels, radius=0.5, steps=2) - images
    norms = change.flatten(1).norm(dim=1)
    assert (norms <= reach * 1.001).all()
    assert (norms > reach * 0.5).all()

    def loss(images: torch.Tensor) -> float:
        # An untrained network distinguishes images so little that float32 would round the difference away.
        with torch.no_grad():
            return float(nn.functional.cross_entropy(network.double()(normalised(images.double())), labels))

    by_the_adversary, by_its_mirror = (loss(images + c) - loss(images) for c in (change, change.flip(-1)))
    assert by_the_adversary > 5 * abs(by_its_mirror)


def test_an_adversary_without_steps_does_not_change_the_images() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(attack(texture19(), images, torch.arange(2), radius=1, steps=0), images)
