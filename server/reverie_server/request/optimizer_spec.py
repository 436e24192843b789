"""Checks optimizer, schedule and penalties of a request, fills in their defaults, and translates them to a recipe's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reverie_ascent.recipe import optimizer as recipe
from reverie_proto.options import choices
from reverie_proto.v1 import optimizer_pb2 as pb
from reverie_proto.v1 import spec_pb2

from reverie_server.limits import Limits
from reverie_server.request.fields import Choice, Fields, Number, choice_name, fill, one_of, plain
from reverie_server.request.validation import Violations

MAX_WEIGHT = 1_000_000
#: Adam's moments for each schedule: one_cycle's short ones were found with it.
MOMENTS = {"one_cycle": (0.5, 0.9)}
USUAL_MOMENTS = (0.9, 0.999)

BETA = Number(0, 0.99999)
OPTIMIZERS: Mapping[str, Fields] = {
    "adam": {
        "beta1": BETA,
        "beta2": BETA,
        "epsilon": Number(0, 1, 1e-8),
        "epsilon_place": Choice("before_correction"),
        "weight_decay": Number(0, 1, 0),
        "clip_norm": Number(0, 1e6, 0),
    },
    "nadam": {
        "beta1": Number(0, 0.99999, 0.9),
        "beta2": Number(0, 0.99999, 0.999),
        "epsilon": Number(0, 1, 1e-8),
        "momentum_decay": Number(0, 1, 4e-3),
    },
    "sgd": {"momentum": Number(0, 0.99999, 0), "normalization": Choice("none")},
}
SCHEDULES: Mapping[str, Fields] = {"constant": {}, "one_cycle": {}, "cosine": {"end": Number(0, 1, 0)}}
#: Penalties whose measure has a constant.
WITH_CONSTANT = (pb.PENALTY_KIND_L1, pb.PENALTY_KIND_L2, pb.PENALTY_KIND_L_INFINITY)


def complete(effective: spec_pb2.RenderSpec, limits: Limits, violations: Violations) -> None:
    """Fill in the defaults of schedule, optimizer and penalties in place, and add violations."""
    schedule = one_of(effective.schedule, "spec.schedule", violations)
    if schedule is not None:
        chosen = getattr(effective.schedule, schedule)
        fill(chosen, f"spec.schedule.{schedule}", SCHEDULES[schedule], violations)
        if schedule == "cosine":
            if not chosen.HasField("warm_up"):
                chosen.warm_up = 0
            violations.check_range("spec.schedule.cosine.warm_up", chosen.warm_up, 0, max(0, effective.steps - 1))
    optimizer = one_of(effective.optimizer, "spec.optimizer", violations)
    if optimizer is not None:
        adam = getattr(effective.optimizer, optimizer)
        if optimizer == "adam":
            for name, moment in zip(("beta1", "beta2"), MOMENTS.get(schedule or "", USUAL_MOMENTS), strict=True):
                if not adam.HasField(name):
                    setattr(adam, name, moment)
        fill(adam, f"spec.optimizer.{optimizer}", OPTIMIZERS[optimizer], violations)
    count = len(effective.penalties)
    if violations.check_range("spec.penalties", count, 0, limits.max_penalties, because=" penalties"):
        for i, penalty in enumerate(effective.penalties):
            _complete_penalty(penalty, f"spec.penalties[{i}]", violations)


def _complete_penalty(penalty: pb.Penalty, path: str, violations: Violations) -> None:
    known = choices(pb.PenaltyKind.DESCRIPTOR)
    if penalty.kind not in known.values():
        listed = ", ".join(f"{number} ({name})" for name, number in known.items())
        violations.add(f"{path}.kind", f"{penalty.kind} is not one of {listed}")
        return
    if penalty.HasField("constant") and penalty.kind not in WITH_CONSTANT:
        violations.add(
            f"{path}.constant", f"{choice_name(penalty, 'kind')} has no constant; l1, l2 and l_infinity have"
        )
    fields: dict[str, Number | Choice] = {"weight": Number(-MAX_WEIGHT, MAX_WEIGHT, 1)}
    if penalty.kind in WITH_CONSTANT:
        fields["constant"] = Number(-10, 10, 0.5)
    fill(penalty, path, fields, violations)


# ----- from complete messages to a recipe -----


def optimizer(message: pb.Optimizer) -> recipe.Optimizer:
    """Return the optimizer of a valid, complete message."""
    return _made(message, RECIPES)  # type: ignore[no-any-return]


def schedule(message: pb.Schedule) -> recipe.Schedule:
    """Return the schedule of a valid, complete message."""
    return _made(message, RECIPES)  # type: ignore[no-any-return]


def penalty(message: pb.Penalty) -> recipe.Penalty:
    """Return a penalty of a valid, complete message."""
    kind = choice_name(message, "kind")
    constant = message.constant if message.HasField("constant") else 0.5
    return recipe.Penalty(kind, plain(message.weight), plain(constant))  # type: ignore[arg-type]


def _made(message: Any, table: Mapping[str, Callable[[Any], Any]]) -> Any:
    kind = message.WhichOneof("kind")
    return table[kind](getattr(message, kind))


RECIPES: Mapping[str, Callable[[Any], Any]] = {
    "adam": lambda m: recipe.Adam(
        plain(m.beta1),
        plain(m.beta2),
        plain(m.epsilon),
        torch_epsilon=m.epsilon_place == pb.EPSILON_PLACE_AFTER_CORRECTION,
        weight_decay=plain(m.weight_decay),
        clip_norm=plain(m.clip_norm),
    ),
    "nadam": lambda m: recipe.Nadam(*map(plain, (m.beta1, m.beta2, m.epsilon, m.momentum_decay))),
    "sgd": lambda m: recipe.Sgd(plain(m.momentum), choice_name(m, "normalization")),  # type: ignore[arg-type]
    "constant": lambda m: recipe.Constant(),
    "one_cycle": lambda m: recipe.OneCycle(),
    "cosine": lambda m: recipe.Cosine(m.warm_up, plain(m.end)),
}
