"""Schedules: how the learning rate changes from the first step to the last."""

from __future__ import annotations

from reverie.values import Schedule


def constant() -> Schedule:
    """Return the same rate at every step."""
    return Schedule.of("constant")


def one_cycle() -> Schedule:
    """Return a rate that rises for a quarter of the steps and falls to 0 along a cosine."""
    return Schedule.of("one_cycle")


def cosine(*, warm_up: int | None = None, end: float | None = None) -> Schedule:
    """Return a rate that rises for ``warm_up`` (0) steps and falls along a cosine to ``end`` (0) times the rate."""
    return Schedule.of("cosine", warm_up=warm_up, end=end)
