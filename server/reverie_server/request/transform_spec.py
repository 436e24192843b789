"""Checks the transforms of a request, fills in their defaults, and translates them to those of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reverie_ascent.recipe import transform as recipe
from reverie_proto.sizes import from_message
from reverie_proto.v1 import transform_pb2 as pb

from reverie_server.limits import Limits
from reverie_server.request.fields import Choice, Fields, Flag, Number, check_ordered, fill, one_of, plain
from reverie_server.request.fields import choice_name as name_of
from reverie_server.request.transform_sets import TRANSFORM_SETS
from reverie_server.request.validation import Violations, unknown

SIDE = 4096

FIELDS: Mapping[str, Fields] = {
    "pad": {"px": Number(0, 1024), "mode": Choice("constant"), "value": Number(-10, 10, 0.5)},
    "jitter": {"px": Number(0, 1024)},
    "translate": {"low": Number(-1024, 1024), "high": Number(-1024, 1024)},
    "roll": {"px": Number(0, 1024)},
    "scale": {"separate": Flag(), "sampling": Choice("legacy"), "interpolation": Choice("bilinear")},
    "rotate": {"interpolation": Choice("nearest")},
    "crop_box": {"interpolation": Choice("bilinear")},
    "center": {},
    "flip": {"probability": Number(0, 1, 0.5)},
    "noise": {
        "deviation": Number(0, 10, 0),
        "low": Number(-10, 10, 0),
        "high": Number(-10, 10, 0),
        "fading": Flag(),
        "per_channel": Flag(),
        "clipped": Flag(),
    },
    "colour_shift": {"scale": Number(0, 10, 1), "offset": Number(0, 10, 1), "inverse": Flag()},
    "blur": {},
    "resize": {"sampling": Choice("half_pixel"), "interpolation": Choice("bilinear")},
}

#: The range of a random number's values, by its path in a transform.
RANGES = {"factor": (0.05, 20.0), "degrees": (-360.0, 360.0)}
MAX_VALUES = 256
MAX_KERNEL = 65


def complete(message: pb.Transforms, limits: Limits, violations: Violations, path: str) -> None:
    """Replace a named set by its steps, fill in the defaults in place, and add violations."""
    if message.HasField("set"):
        if message.steps:
            violations.add(path, "has a set and steps; give one of them")
        elif message.set not in TRANSFORM_SETS:
            violations.add(f"{path}.set", unknown("set of transforms", message.set, TRANSFORM_SETS))
        else:
            message.CopyFrom(pb.Transforms(steps=TRANSFORM_SETS[message.set].steps))
    if not violations.check_range(f"{path}.steps", len(message.steps), 0, limits.max_transforms, because=" transforms"):
        return
    for i, step in enumerate(message.steps):
        place = f"{path}.steps[{i}]"
        if (kind := one_of(step, place, violations)) is not None:
            chosen = getattr(step, kind)
            fill(chosen, f"{place}.{kind}", FIELDS[kind], violations)
            if kind in MORE:
                MORE[kind](chosen, violations, f"{place}.{kind}")


def _ordered(chosen: Any, violations: Violations, path: str) -> None:
    check_ordered(chosen, path, violations)


def _random(name: str) -> Callable[[Any, Violations, str], None]:
    def check(chosen: Any, violations: Violations, path: str) -> None:
        number, place, (low, high) = getattr(chosen, name), f"{path}.{name}", RANGES[name]
        match one_of(number, place, violations):
            case "set":
                values = number.set.values
                violations.check_range(f"{place}.set.values", len(values), 1, MAX_VALUES, because=" values")
                for i, value in enumerate(values[:MAX_VALUES]):
                    violations.check_range(f"{place}.set.values[{i}]", value, low, high)
            case "range":
                for end in ("low", "high"):
                    violations.check_range(f"{place}.range.{end}", getattr(number.range, end), low, high)
                check_ordered(number.range, f"{place}.range", violations)

    return check


def _rotate(chosen: Any, violations: Violations, path: str) -> None:
    _random("degrees")(chosen, violations, path)
    if chosen.interpolation == pb.INTERPOLATION_BICUBIC:
        violations.add(f"{path}.interpolation", "bicubic is not one of nearest, bilinear")


def _crop_box(chosen: Any, violations: Violations, path: str) -> None:
    if not chosen.HasField("side"):
        violations.add(f"{path}.side", "is required: a range of shares of the picture's side")
        return
    for end in ("low", "high"):
        violations.check_range(f"{path}.side.{end}", getattr(chosen.side, end), 0.01, 1)
    check_ordered(chosen.side, f"{path}.side", violations)
    for name in ("side_deviation", "centre_deviation"):
        if chosen.HasField(name):
            violations.check_range(f"{path}.{name}", getattr(chosen, name), 0, 1)


def _center(chosen: Any, violations: Violations, path: str) -> None:
    for name in ("height_px", "width_px"):
        violations.check_range(f"{path}.size.{name}", getattr(chosen.size, name), 1, SIDE)


def _blur(chosen: Any, violations: Violations, path: str) -> None:
    ends = [
        violations.check_range(f"{path}.deviation.{end}", getattr(chosen.deviation, end), 0.05, 32)
        for end in ("low", "high")
    ]
    check_ordered(chosen.deviation, f"{path}.deviation", violations)
    if not chosen.HasField("kernel"):
        chosen.kernel = min(MAX_KERNEL, 2 * int(3 * chosen.deviation.high) + 1) if all(ends) else 1
    violations.check_range(f"{path}.kernel", chosen.kernel, 1, MAX_KERNEL)


def _resize(chosen: Any, violations: Violations, path: str) -> None:
    if chosen.HasField("size"):
        _center(chosen, violations, path)


MORE: Mapping[str, Callable[[Any, Violations, str], None]] = {
    "translate": _ordered,
    "scale": _random("factor"),
    "rotate": _rotate,
    "crop_box": _crop_box,
    "center": _center,
    "blur": _blur,
    "resize": _resize,
    "noise": _ordered,
}

# ----- from a complete message to a recipe -----


def transforms(message: pb.Transforms) -> tuple[recipe.Transform, ...]:
    """Return the transforms of a valid, complete message."""
    return tuple(_transform(step) for step in message.steps)


def _transform(step: pb.Transform) -> recipe.Transform:
    kind = step.WhichOneof("kind")
    assert kind is not None
    made: recipe.Transform = RECIPES[kind](getattr(step, kind))
    return made


def _number(message: pb.RandomNumber) -> recipe.RandomNumber:
    if message.WhichOneof("kind") == "set":
        return recipe.OneOf(tuple(map(plain, message.set.values)))
    return _range(message.range)


def _range(message: pb.NumberRange) -> recipe.Uniform:
    return recipe.Uniform(plain(message.low), plain(message.high))


def _optional(message: Any, name: str) -> float | None:
    return plain(getattr(message, name)) if message.HasField(name) else None


RECIPES: Mapping[str, Callable[[Any], Any]] = {
    "pad": lambda m: recipe.Pad(m.px, name_of(m, "mode"), plain(m.value)),  # type: ignore[arg-type]
    "jitter": lambda m: recipe.Jitter(m.px),
    "translate": lambda m: recipe.Translate(m.low, m.high),
    "roll": lambda m: recipe.Roll(m.px),
    "scale": lambda m: recipe.Scale(
        _number(m.factor),
        m.separate,
        name_of(m, "sampling"),  # type: ignore[arg-type]
        name_of(m, "interpolation"),  # type: ignore[arg-type]
    ),
    "rotate": lambda m: recipe.Rotate(_number(m.degrees), name_of(m, "interpolation")),  # type: ignore[arg-type]
    "crop_box": lambda m: recipe.CropBox(
        _range(m.side),
        _optional(m, "side_deviation"),
        _optional(m, "centre_deviation"),
        name_of(m, "interpolation"),  # type: ignore[arg-type]
    ),
    "center": lambda m: recipe.Center(from_message(m.size)),
    "flip": lambda m: recipe.Flip(plain(m.probability)),
    "noise": lambda m: recipe.Noise(
        plain(m.deviation), plain(m.low), plain(m.high), m.fading, m.per_channel, m.clipped
    ),
    "colour_shift": lambda m: recipe.ColourShift(plain(m.scale), plain(m.offset), m.inverse),
    "blur": lambda m: recipe.Blur(_range(m.deviation), m.kernel),
    "resize": lambda m: recipe.Resize(
        from_message(m.size) if m.HasField("size") else None,
        name_of(m, "sampling"),  # type: ignore[arg-type]
        name_of(m, "interpolation"),  # type: ignore[arg-type]
    ),
}
