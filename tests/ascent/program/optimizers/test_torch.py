"""Optimizers against the torch that is installed, in float64; `test_optimizers.py` has numbers of one torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reverie_ascent.recipe.optimizer import Adam, Constant, Cosine, Nadam, Optimizer, Schedule, Sgd  # noqa: E402

from tests.ascent.program.optimizers.steps import course  # noqa: E402

SHAPE = (1, 2, 3, 5)
STEPS = 12

CASES: dict[str, tuple[Optimizer, Schedule, float, Callable[[Any], Any]]] = {
    "Adam": (Adam(torch_epsilon=True), Constant(), 0.05, lambda p: torch.optim.Adam(p, lr=0.05)),
    "AdamW": (
        Adam(0.5, 0.99, 1e-4, torch_epsilon=True, weight_decay=0.2),
        Constant(),
        0.09,
        lambda p: torch.optim.AdamW(p, lr=0.09, betas=(0.5, 0.99), eps=1e-4, weight_decay=0.2),
    ),
    "AdamW, annealed": (
        Adam(torch_epsilon=True, weight_decay=0.2),
        Cosine(end=0.1),
        0.09,
        lambda p: torch.optim.AdamW(p, lr=0.09, weight_decay=0.2),
    ),
    "NAdam": (Nadam(), Constant(), 1.0, lambda p: torch.optim.NAdam(p, lr=1.0)),
    "NAdam, annealed": (
        Nadam(0.8, 0.9, 1e-3, 0.1),
        Cosine(end=0.1),
        0.3,
        lambda p: torch.optim.NAdam(p, lr=0.3, betas=(0.8, 0.9), eps=1e-3, momentum_decay=0.1),
    ),
    "SGD": (Sgd(), Constant(), 0.3, lambda p: torch.optim.SGD(p, lr=0.3)),
    "SGD, annealed": (Sgd(0.9), Cosine(end=0.1), 0.3, lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.9)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_makes_the_steps_of_torch(name: str) -> None:
    optimizer, schedule, learning_rate, make = CASES[name]
    rng = np.random.default_rng(0)
    start = rng.standard_normal(SHAPE)
    gradients = [rng.standard_normal(SHAPE) * 10.0 ** rng.integers(-4, 2) for _ in range(STEPS)]
    picture = torch.tensor(start, requires_grad=True)
    theirs = make([picture])
    end = 0.1 * learning_rate if isinstance(schedule, Cosine) else learning_rate
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=STEPS, eta_min=end)
    for gradient, ours in zip(gradients, course(optimizer, start, gradients, learning_rate, schedule), strict=True):
        picture.grad = -torch.tensor(gradient)
        theirs.step()
        rate.step()
        np.testing.assert_allclose(ours, picture.detach().numpy(), rtol=0, atol=1e-6)


def test_clipping_is_that_of_torch() -> None:
    rng = np.random.default_rng(1)
    start = rng.standard_normal(SHAPE)
    gradients = [rng.standard_normal(SHAPE) * size for size in (0.01, 3.0, 0.2, 40.0)]
    picture = torch.tensor(start, requires_grad=True)
    theirs = torch.optim.AdamW([picture], lr=9e-3, weight_decay=0.01)
    found = course(Adam(torch_epsilon=True, weight_decay=0.01, clip_norm=1.0), start, gradients, 9e-3)
    for gradient, ours in zip(gradients, found, strict=True):
        picture.grad = -torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([picture], 1.0)  # divides by the length + 1e-6
        theirs.step()
        np.testing.assert_allclose(ours, picture.detach().numpy(), rtol=0, atol=1e-6)
