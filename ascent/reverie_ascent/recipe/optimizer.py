"""Optimizers, schedules and penalties: how the gradient changes the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2014, arXiv:1412.6980); with ``weight_decay`` AdamW.

    ``torch_epsilon`` adds ``epsilon`` after the bias correction, as PyTorch does, not before it as TensorFlow. A
    gradient longer than ``clip_norm`` is scaled down to it; 0 leaves every length.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    torch_epsilon: bool = False
    weight_decay: float = 0.0
    clip_norm: float = 0.0


@dataclass(frozen=True)
class Nadam:
    """Adam with Nesterov's momentum (Dozat 2016), in the form of ``torch.optim.NAdam``."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 4e-3


@dataclass(frozen=True)
class Sgd:
    """The gradient times the learning rate, divided by a measure of the gradient, with ``momentum``."""

    momentum: float = 0.0
    normalization: Literal["none", "mean_absolute", "deviation"] = "none"


Optimizer: TypeAlias = Adam | Nadam | Sgd


@dataclass(frozen=True)
class Constant:
    """The same learning rate at every step."""


@dataclass(frozen=True)
class OneCycle:
    """The rate rises for a quarter of the steps and falls to 0 along a cosine."""


@dataclass(frozen=True)
class Cosine:
    """The rate rises for ``warm_up`` steps and falls along a cosine, to ``end`` times the rate after the last."""

    warm_up: int = 0
    end: float = 0.0


Schedule: TypeAlias = Constant | OneCycle | Cosine

PenaltyKind: TypeAlias = Literal[
    "l1", "l2", "l_infinity", "tv", "tv_mean", "tv_four_norm", "tv_four_norm_mean", "blur", "spectral"
]


@dataclass(frozen=True)
class Penalty:
    """A property of the picture that is subtracted, times ``weight``, from what is maximised."""

    kind: PenaltyKind
    weight: float = 1.0
    constant: float = 0.5
