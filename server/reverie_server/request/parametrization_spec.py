"""Checks the parametrization of a request, fills in its defaults, and translates it to that of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reverie_ascent.recipe import parametrization as recipe
from reverie_proto.sizes import Size
from reverie_proto.v1 import parametrization_pb2 as pb

from reverie_server.request.fields import Choice, Fields, Number, check_finite, choice_name, fill, one_of, plain
from reverie_server.request.validation import Violations

MAX_RESOLUTIONS, STEP_OF_RESOLUTIONS = 128, 4
RGB = 3

#: Fitted to 49 squares of 256 px of seven photographs that come with scikit-image and scikit-learn, in Lucid's basis.
OURS = pb.PowerLaw(slopes=[1.316, 1.427, 1.246], scales=[4.155, 3.526, 4.955])

FIELDS: Mapping[str, Fields] = {
    "fourier": {
        "decay_power": Number(0, 4, 1.0),
        "deviation": Number(0, 10, 0.01),
        "divisor": Number(0.01, 1000, 4.0),
    },
    "pixel": {"range": Choice("sigmoid"), "deviation": Number(0, 10, 0.01), "noise": Choice("normal")},
    "laplacian": {"levels": Number(1, 10, 4), "deviation": Number(0, 10, 0.01)},
    "multi_resolution": {},
    "maco": {"ddof": Number(0, 1, 0), "epsilon": Number(0, 1, 1e-5), "noise": Choice("normal")},
    "cppn": {"layers": Number(1, 32, 8), "channels": Number(1, 128, 24)},
}


def complete(
    message: pb.Parametrization, size: Size | None, channels: int | None, violations: Violations, path: str
) -> None:
    """Fill in the defaults in place, and add violations; size and channels are the picture's, None if unknown."""
    kind = one_of(message, path, violations)
    if kind is None:
        return
    chosen, path = getattr(message, kind), f"{path}.{kind}"
    fill(chosen, path, FIELDS[kind], violations)
    if "colour" in chosen.DESCRIPTOR.fields_by_name:
        _complete_colour(chosen, "none" if kind == "pixel" else "lucid", channels, violations, f"{path}.colour")
    match kind:
        case "pixel":
            if not chosen.HasField("mean"):
                chosen.mean = 0.5 if chosen.range in (pb.PIXEL_RANGE_CLAMP, pb.PIXEL_RANGE_UNBOUNDED) else 0.0
            violations.check_range(f"{path}.mean", chosen.mean, -100, 100)
        case "multi_resolution":
            _complete_resolutions(chosen, size, violations, f"{path}.resolutions")
        case "maco":
            _complete_magnitude(chosen, channels, violations, f"{path}.magnitude")


def _complete_colour(chosen: Any, default: str, channels: int | None, violations: Violations, path: str) -> None:
    given = chosen.HasField("colour")
    colour = chosen.colour
    kind = colour.WhichOneof("kind")
    if kind is None or (kind == "named" and not colour.named):
        colour.named = pb.NamedColourBasis.Value(f"NAMED_COLOUR_BASIS_{default.upper()}")
    elif kind == "named" and colour.named not in pb.NamedColourBasis.values():
        violations.add(f"{path}.named", f"{colour.named} is not one of 1 (lucid), 2 (none)")
    elif kind == "matrix":
        values = colour.matrix.values
        if len(values) != RGB * RGB:
            violations.add(f"{path}.matrix.values", f"has {len(values)} numbers; a matrix of colours has 9")
        elif check_finite(values, f"{path}.matrix.values", violations) and not any(values):
            violations.add(f"{path}.matrix.values", "all of its numbers are 0")
        if given and channels not in (None, RGB):
            violations.add(path, f"is for pictures of 3 channels; those of this model have {channels}")


def _complete_resolutions(chosen: Any, size: Size | None, violations: Violations, path: str) -> None:
    most = min(size) if size is not None else None
    if not chosen.resolutions and most is not None:
        step = max(STEP_OF_RESOLUTIONS, -(-most // MAX_RESOLUTIONS))
        chosen.resolutions.extend(range(1, most + 1, step))
    violations.check_range(path, len(chosen.resolutions), 1, MAX_RESOLUTIONS, because=" resolutions")
    for i, side in enumerate(chosen.resolutions[:MAX_RESOLUTIONS]):
        if most is not None:
            violations.check_range(f"{path}[{i}]", side, 1, most, because=", the picture's shorter side")


def _complete_magnitude(chosen: Any, channels: int | None, violations: Violations, path: str) -> None:
    kind = chosen.magnitude.WhichOneof("kind")
    if kind is None:
        law = (
            OURS
            if channels in (None, RGB)
            else pb.PowerLaw(slopes=[1.3] * (channels or 1), scales=[1] * (channels or 1))
        )
        chosen.magnitude.power_law.CopyFrom(law)
        return
    if kind == "power_law":
        law = chosen.magnitude.power_law
        for name in ("slopes", "scales"):
            numbers = getattr(law, name)
            check_finite(numbers, f"{path}.power_law.{name}", violations)
            if channels is not None and len(numbers) != channels:
                problem = f"has {len(numbers)} numbers; pictures of this model have {channels} channels"
                violations.add(f"{path}.power_law.{name}", problem)
        if law.scales and not any(law.scales):
            violations.add(f"{path}.power_law.scales", "all of its numbers are 0; at least one must not be")
        return
    measured, place = chosen.magnitude.measured, f"{path}.measured"
    ok = violations.check_range(f"{place}.height", measured.height, 2, 4096)
    ok &= violations.check_range(f"{place}.width", measured.width, 2, 4096)
    check_finite(measured.values, f"{place}.values", violations)
    if ok and channels is not None:
        wanted = channels * measured.height * (measured.width // 2 + 1)
        if len(measured.values) != wanted:
            shape = f"{channels} x {measured.height} x {measured.width // 2 + 1}"
            violations.add(f"{place}.values", f"has {len(measured.values)} numbers; {shape} are {wanted}")
        elif any(value < 0 for value in measured.values):
            violations.add(f"{place}.values", "has negative numbers; a magnitude has none")
        elif not any(measured.values):
            violations.add(f"{place}.values", "all of its numbers are 0; at least one must not be")


# ----- from a complete message to a recipe -----


def parametrization(message: pb.Parametrization) -> recipe.Parametrization:
    """Return the parametrization of a valid, complete message."""
    kind = message.WhichOneof("kind")
    assert kind is not None
    made: recipe.Parametrization = RECIPES[kind](getattr(message, kind))
    return made


def _colour(message: pb.ColourBasis) -> recipe.ColourBasis:
    if message.WhichOneof("kind") == "matrix":
        return tuple(message.matrix.values)
    return "lucid" if message.named == pb.NAMED_COLOUR_BASIS_LUCID else "none"


def _magnitude(message: pb.Magnitude) -> recipe.PowerLaw | recipe.Measured:
    if message.WhichOneof("kind") == "power_law":
        return recipe.PowerLaw(tuple(message.power_law.slopes), tuple(message.power_law.scales))
    given = message.measured
    return recipe.Measured.of(given.height, given.width, given.values)


RECIPES: Mapping[str, Callable[[Any], Any]] = {
    "fourier": lambda m: recipe.Fourier(m.decay_power, plain(m.deviation), m.divisor, _colour(m.colour)),
    "pixel": lambda m: recipe.Pixel(
        choice_name(m, "range"),  # type: ignore[arg-type]  # the names of the wire are those of the recipe
        m.mean,
        plain(m.deviation),
        choice_name(m, "noise"),  # type: ignore[arg-type]
        _colour(m.colour),
    ),
    "laplacian": lambda m: recipe.Laplacian(m.levels, plain(m.deviation), _colour(m.colour)),
    "multi_resolution": lambda m: recipe.MultiResolution(tuple(m.resolutions)),
    "maco": lambda m: recipe.Maco(
        _magnitude(m.magnitude),
        m.ddof,
        plain(m.epsilon),
        choice_name(m, "noise"),  # type: ignore[arg-type]
        _colour(m.colour),
    ),
    "cppn": lambda m: recipe.Cppn(m.layers, m.channels),
}
