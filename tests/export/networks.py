"""Small networks as users might write them, each with a different difficulty for the export."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = (0.4, 0.5, 0.6)
STD = (0.2, 0.25, 0.3)
LABELS = ("cat", "dog", "owl", "fox", "bee")
SIZE = 32


def vgg() -> nn.Module:
    """VGG's shape: pooling to 2 x 2 before the classifier, in-place activations, dropout."""
    layers = [
        ("conv1", nn.Conv2d(3, 6, 3, padding=1)),
        ("relu1", nn.ReLU(inplace=True)),
        ("pool1", nn.MaxPool2d(2, 2)),
        ("conv2", nn.Conv2d(6, 8, 3, padding=1)),
        ("relu2", nn.ReLU(inplace=True)),
        ("pool2", nn.MaxPool2d(2, 2)),
        ("avgpool", nn.AdaptiveAvgPool2d((2, 2))),
        ("flatten", nn.Flatten()),
        ("fc", nn.Linear(32, 12)),
        ("relu3", nn.ReLU(inplace=True)),
        ("dropout", nn.Dropout()),
        ("logits", nn.Linear(12, 5)),
    ]
    return nn.Sequential(OrderedDict(layers))


class Block(nn.Module):  # type: ignore[misc]
    """A residual block with one ReLU module called twice."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1, stride=stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.downsample(x))


class Residual(nn.Module):  # type: ignore[misc]
    """ResNet's shape: strided convolutions, normalisation, sums, global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 7, stride=2, padding=3)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = Block(6, 6, 1)
        self.layer2 = Block(6, 8, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.layer2(self.layer1(self.maxpool(self.stem(x)))))
        return self.fc(torch.flatten(x, 1))


def residual() -> nn.Module:
    return _with_statistics(Residual())


class Branches(nn.Module):  # type: ignore[misc]
    """Inception's shape: branches of different depth put side by side, average pooling, functional calls."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(3, 4, 1)
        self.wide = nn.Conv2d(3, 4, 5, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.AvgPool2d(2)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.leaky = nn.LeakyReLU(0.1)
        self.dilated = nn.Conv2d(8, 6, 3, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([functional.relu(self.narrow(x)), torch.sigmoid(self.wide(x))], dim=1)
        y = self.leaky(self.grouped(self.pool(functional.relu(self.norm(both)))))
        return torch.tanh(self.dilated(y)).mean((2, 3))


def branches() -> nn.Module:
    return _with_statistics(Branches())


def fixed() -> nn.Module:
    """A network for pictures of one size only: the flattened map goes straight into a linear layer."""
    return nn.Sequential(
        OrderedDict(
            [
                ("conv", nn.Conv2d(3, 4, 3, stride=2)),
                ("relu", nn.ReLU()),
                ("flatten", nn.Flatten()),
                ("fc", nn.Linear(4 * 15 * 15, 5)),
            ]
        )
    )


def bytes_in_bgr() -> nn.Module:
    """A network that expects what Caffe's did: bytes, blue first, the mean taken off."""
    return nn.Sequential(OrderedDict([("conv", nn.Conv2d(3, 4, 3)), ("relu", nn.ReLU())]))


bytes_in_bgr.mean = (103.9, 116.8, 123.7)  # type: ignore[attr-defined]
bytes_in_bgr.std = (1.0, 1.0, 1.0)  # type: ignore[attr-defined]
bytes_in_bgr.scale = 255.0  # type: ignore[attr-defined]
bytes_in_bgr.channel_order = "BGR"  # type: ignore[attr-defined]
bytes_in_bgr.labels = ()  # type: ignore[attr-defined]


class Determined(nn.Module):  # type: ignore[misc]
    """A network with an operator in the middle that no gradient rule covers."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 4, 3)
        self.after = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.after(x * torch.det(x)[..., None, None])


def determined() -> nn.Module:
    return Determined()


def only_pooling() -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(3, 2, padding=1))


def not_a_module() -> str:
    return "not a module"


def failing() -> nn.Module:
    raise RuntimeError("no weights today")


number = 3


def _with_statistics(module: nn.Module) -> nn.Module:
    """Give every normalisation statistics, as training would: without them it does next to nothing."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            nn.init.normal_(child.weight)  # of both signs
            nn.init.normal_(child.bias)
            child.running_mean = torch.randn_like(child.running_mean)
            child.running_var = torch.rand_like(child.running_var) + 0.5
    return module
