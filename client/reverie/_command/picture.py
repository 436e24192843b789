"""The options of commands that describe pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from reverie import optimizers, parametrizations, schedules, statistics, transforms
from reverie._command.expressions import several, single
from reverie._command.failure import Failure
from reverie._options import SpecOptions
from reverie.values import Value

F = TypeVar("F", bound=Callable[..., Any])


def picture_size(_: click.Context, __: click.Parameter, text: str | None) -> int | tuple[int, int] | None:
    """Parse a size such as 224, or 32x128 (height x width); raise ``click.BadParameter`` for anything else."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})?", text):
        raise click.BadParameter(f"{text!r} is not a size such as 224, or 32x128 (height x width).")
    height, _x, width = text.partition("x")
    return (int(height), int(width)) if width else int(height)


def penalty(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, float] | None:
    """Parse penalties such as tv=0.25; raise ``click.BadParameter`` for anything else."""
    made: dict[str, float] = {}
    for text in texts:
        name, is_given, weight = text.partition("=")
        try:
            made[name.strip()] = float(weight) if is_given else 1.0
        except ValueError:
            raise click.BadParameter(f"{text!r} is not a penalty such as tv=0.25.") from None
    return made or None


OPTIONS = (
    click.option(
        "--size",
        callback=picture_size,
        metavar="PX",
        help="Side of a square in pixels, or height and width such as 32x128.  [default: the model's own]",
    ),
    click.option("--steps", type=int, metavar="N", help="Steps of gradient ascent.  [default: the preset's]"),
    click.option("--seed", type=int, metavar="N", help="Of the first noise and all that is random.  [default: 0]"),
    click.option("--preset", metavar="NAME", help="Named set of choices for what is left out.  [default: reverie]"),
    click.option("--views", type=int, metavar="N", help="Views of the picture that the network sees at each step."),
    click.option("--view-size", callback=picture_size, metavar="PX", help="Size that the network sees."),
    click.option(
        "--transforms", metavar="LIST", help='A set such as lucid, or calls: "pad(12), jitter(8), scale((0.9, 1.1))".'
    ),
    click.option(
        "--parametrization", metavar="KIND", help='How the picture is stored: maco, or "fourier(decay_power=1.5)".'
    ),
    click.option("--optimizer", metavar="KIND", help='adam, nadam, or a call such as "sgd(momentum=0.9)".'),
    click.option("--learning-rate", type=float, metavar="X", help="Largest step size of the optimizer."),
    click.option("--schedule", metavar="KIND", help='constant, one_cycle, or "cosine(warm_up=10)".'),
    click.option(
        "--penalty",
        "penalties",
        multiple=True,
        callback=penalty,
        metavar="NAME=W",
        help="Subtract it, such as tv=0.25.",
    ),
    click.option("--best-of", type=int, metavar="N", help="Try N seeds, and keep the picture that excites most."),
    click.option("--alpha", is_flag=True, help="Make transparent what does not excite; writes .png or .webp."),
    click.option("--stop-at", type=float, metavar="X", help="End as soon as the activation reaches X."),
    click.option(
        "--magnitude",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="With maco: the magnitude of the spectra of these pictures.",
    ),
    click.option(
        "--colours", type=click.Path(path_type=Path), metavar="FOLDER", help="Axes of colour fitted to these pictures."
    ),
)

#: The options that are taken over as they are.
PLAIN = (
    *("size", "steps", "seed", "preset", "views", "view_size", "learning_rate", "penalties", "best_of", "stop_at"),
    *("importance", "robustness", "alpha"),
)
#: The parametrizations whose pictures have no axes of colour.
WITHOUT_COLOUR = ("multi_resolution", "cppn")
MODULES = {"parametrization": parametrizations, "optimizer": optimizers, "schedule": schedules}


def picture_options(command: F) -> F:
    """Add the options that describe a picture, except for its objective, to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def given_options(options: dict[str, Any]) -> SpecOptions:
    """Remove these options from ``options`` and return those that have a value."""
    given: dict[str, Any] = {name: options.pop(name) for name in PLAIN if name in options}
    given |= {
        name: single(text, module, f"--{name}")
        for name, module in MODULES.items()
        if (text := options.pop(name)) is not None
    }
    if (text := options.pop("transforms")) is not None:
        given["transforms"] = several(text, transforms, "--transforms")
    _add_statistics(given, options.pop("magnitude"), options.pop("colours"))
    chosen: Any = {name: value for name, value in given.items() if value is not None and value is not False}
    return chosen  # type: ignore[no-any-return]


def _add_statistics(given: dict[str, Any], magnitude: Path | None, colours: Path | None) -> None:
    """Put what was measured in folders of pictures into the parametrization."""
    if magnitude is None and colours is None:
        return
    parametrization: Any = given.get("parametrization", "maco" if magnitude else "fourier")
    if not isinstance(parametrization, Value):
        parametrization = single(f"{parametrization}()", parametrizations, "--parametrization")
    if magnitude is not None:
        if parametrization.kind != "maco":
            raise Failure(f"--magnitude goes with --parametrization maco, not {parametrization.kind}.")
        measured = statistics.magnitude(magnitude)
        parametrization = replace(parametrization, fields=(*parametrization.fields, ("magnitude", measured)))
    if colours is not None:
        if parametrization.kind in WITHOUT_COLOUR:
            raise Failure(f"--colours does not go with --parametrization {parametrization.kind}.")
        fitted = statistics.colours(colours)
        parametrization = replace(parametrization, fields=(*parametrization.fields, ("colour", fitted)))
    given["parametrization"] = parametrization
