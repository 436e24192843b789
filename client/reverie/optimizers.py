"""Optimizers: how the gradient changes the picture at each step. What is left out has the server's default."""

from __future__ import annotations

from reverie.values import Optimizer


def adam(
    *,
    beta1: float | None = None,
    beta2: float | None = None,
    epsilon: float | None = None,
    epsilon_place: str | None = None,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
) -> Optimizer:
    """Return Adam, with ``weight_decay`` (0) AdamW.

    The betas are 0.5 and 0.9 with the schedule one_cycle, else 0.9 and 0.999. ``epsilon`` (1e-8) is added
    "before_correction" (the default, as in TensorFlow) or "after_correction" (as in PyTorch). A gradient longer than
    ``clip_norm`` is scaled down to it; 0, the default, leaves every length.
    """
    return Optimizer.of(
        "adam",
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        epsilon_place=epsilon_place,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
    )


def nadam(
    *,
    beta1: float | None = None,
    beta2: float | None = None,
    epsilon: float | None = None,
    momentum_decay: float | None = None,
) -> Optimizer:
    """Return Adam with Nesterov's momentum, as ``torch.optim.NAdam``."""
    return Optimizer.of("nadam", beta1=beta1, beta2=beta2, epsilon=epsilon, momentum_decay=momentum_decay)


def sgd(*, momentum: float | None = None, normalization: str | None = None) -> Optimizer:
    """Return the gradient times the rate, with ``momentum`` (0).

    ``normalization`` divides the gradient by "none" (the default), its "mean_absolute" value, or its "deviation".
    """
    return Optimizer.of("sgd", momentum=momentum, normalization=normalization)
