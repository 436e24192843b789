"""Runs the steps of an optimizer in float64, as the loop does: the slots start at 0, and coefficients are inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from reverie_ascent import schedule as schedules
from reverie_ascent.program.optimizers import coefficients, form, slots, step_graph
from reverie_ascent.recipe import Recipe
from reverie_ascent.recipe.optimizer import Adam, Constant, Nadam, Optimizer, Schedule, Sgd

from tests.ascent.exact import Array, Exact, Numbers

#: One of each kind, and of each form of it.
OPTIMIZERS: dict[str, Optimizer] = {
    "adam": Adam(),
    "adam of torch": Adam(0.8, 0.95, epsilon=1e-3, torch_epsilon=True),
    "adam with decay": Adam(weight_decay=0.1),
    "adam with clipping": Adam(clip_norm=1.0),
    "adam with both": Adam(0.5, 0.99, weight_decay=0.2, clip_norm=0.3),
    "nadam": Nadam(),
    "sgd": Sgd(),
    "sgd with momentum": Sgd(0.9),
    "deepdream": Sgd(normalization="mean_absolute"),
    "deepdream with momentum": Sgd(0.5, "mean_absolute"),
    "deviation": Sgd(normalization="deviation"),
    "deviation with momentum": Sgd(0.9, "deviation"),
}


def column(numbers: Sequence[float]) -> Numbers:
    """Return one number for each picture, shaped for broadcasting."""
    return np.array(numbers, np.float64).reshape(-1, 1, 1, 1)


def inputs(each: Sequence[Mapping[str, float]]) -> dict[str, Numbers]:
    """Return the inputs of the coefficients of each picture."""
    return {name: column([numbers[name] for numbers in each]) for name in each[0]}


def fresh(optimizer: Optimizer, start: Array) -> dict[str, Array]:
    """Return a state and the optimizer's slots, which start at 0."""
    return {"state": start} | {slot: np.zeros(start.shape) for slot in slots(form(optimizer))}


def course(
    optimizer: Optimizer,
    start: Array,
    gradients: Sequence[Array],
    learning_rate: float,
    schedule: Schedule = Constant(),  # noqa: B008
    bounds: tuple[float, float] | None = None,
) -> list[Numbers]:
    """Return the states [N, A, B, C] after each step."""
    step = Exact(step_graph(form(optimizer), start.shape, bounds=bounds))
    values = fresh(optimizer, start)
    recipe = Recipe((), (1, 1), len(gradients), learning_rate, 0, schedule=schedule)
    states = []
    for t, gradient in enumerate(gradients, start=1):
        numbers = coefficients(optimizer, schedules.rate(recipe, t), t)
        out = step({**values, "gradient": gradient, **inputs([numbers] * len(start))})
        values = {name: out[f"new_{name}"] for name in values}
        states.append(out["new_state"])
    return states
