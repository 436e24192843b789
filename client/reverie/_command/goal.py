"""The options of `reverie render` that say what a picture should excite, besides a layer and a channel."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
import numpy.typing as npt
from reverie_proto.options import channel_of

from reverie import objectives
from reverie._command.failure import Failure

F = TypeVar("F", bound=Callable[..., Any])

#: The published weight of diversity (-1e2 for a mean activation), which Lucid's notebooks use.
DIVERSITY = 1e2


def position(text: str) -> tuple[int, int]:
    """Parse a text such as "3,4" into a row and a column."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a position: write row and column, such as 3,4")
    return int(match[1]), int(match[2])


OPTIONS = (
    click.option(
        "--neuron", type=position, metavar="Y,X", help="Excite one position of the layer's grid, not the mean of all."
    ),
    click.option("--negative", is_flag=True, help="Show what the channel dislikes."),
    click.option("--layer-squares", is_flag=True, help="Excite the whole layer, as DeepDream does; no CHANNEL."),
    click.option(
        "--direction", type=click.Path(path_type=Path), metavar="FILE", help="A vector, .npy or text; no CHANNEL."
    ),
    click.option(
        "--cosine", type=click.Path(path_type=Path), metavar="FILE", help="An embedding, .npy or text; no CHANNEL."
    ),
    click.option("--sum", "terms", multiple=True, metavar="LAYER:CHANNEL=W", help="Add another channel, times W."),
    click.option("--diversity", type=int, metavar="G", help="Render a group of G pictures that differ."),
    click.option(
        "--diversity-weight",
        type=float,
        default=DIVERSITY,
        show_default=True,
        metavar="W",
        help="Of that objective.",
    ),
)


def goal_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Goal:
    """What the options say, besides a layer and a channel."""

    neuron: tuple[int, int] | None = None
    negative: bool = False
    layer_squares: bool = False
    direction: Path | None = None
    cosine: Path | None = None
    terms: tuple[str, ...] = ()
    diversity: int | None = None
    diversity_weight: float = DIVERSITY

    @property
    def needs_channel(self) -> bool:
        """Whether a CHANNEL says what to excite."""
        return not (self.layer_squares or self.direction or self.cosine)

    def check(self) -> None:
        """Raise Failure if the options contradict each other."""
        chosen = [
            name
            for name in ("neuron", "layer_squares", "direction", "cosine")
            if getattr(self, name) not in (None, False)
        ]
        if len(chosen) > 1:
            raise Failure(f"{' and '.join('--' + name.replace('_', '-') for name in chosen)} contradict each other.")

    def objective(self, layer: str, channel: int | str | None) -> objectives.Objective:
        """Build the objective. A channel of digits is a number, so use Python for labels of digits."""
        made = self._first(layer, channel)
        if self.negative:
            made = -made
        for text in self.terms:
            made = made + _term(text)
        if self.diversity is not None:
            made = made + self.diversity_weight * objectives.diversity(layer)
        return made

    def _first(self, layer: str, channel: int | str | None) -> objectives.Objective:
        if self.layer_squares:
            return objectives.layer(layer)
        if self.direction is not None:
            return objectives.direction(layer, read_vector(self.direction))
        if self.cosine is not None:
            return objectives.cosine(layer, read_vector(self.cosine))
        assert channel is not None
        if self.neuron is None:
            return objectives.objective_of(layer, channel)
        if isinstance(channel, str):
            raise Failure(f"--neuron needs the number of a channel, not {channel!r}.")
        return objectives.neuron(layer, channel, *self.neuron)


def read_vector(path: Path) -> npt.NDArray[np.float64]:
    """Return the numbers of a .npy file, or of a text file with numbers between spaces, commas or line ends."""
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
        else:
            array = np.array(re.split(r"[\s,]+", path.read_text().strip()), np.float64)
        return np.asarray(array, np.float64).ravel()
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read as numbers: {error}") from error


def _term(text: str) -> objectives.Objective:
    """Return the term that a text such as conv3_1:5=0.5 stands for."""
    name, is_weighted, weight = text.rpartition("=")
    name, factor = (name, weight) if is_weighted else (text, "1")
    layer, is_channel, channel = name.rpartition(":")
    try:
        scale = float(factor)
    except ValueError:
        scale = float("nan")
    if not is_channel or not layer or not channel or scale != scale:
        raise Failure(f"--sum {text!r} is not a term: write LAYER:CHANNEL=WEIGHT, such as conv3_1:5=0.5.")
    return scale * objectives.objective_of(layer, channel_of(channel))
