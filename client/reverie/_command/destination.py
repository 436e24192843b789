"""The files that `reverie render` writes: their names, their format, and whether they can be written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reverie._command.failure import Failure
from reverie._files import try_to_write
from reverie.animation import WRITERS
from reverie.pictures import SUFFIXES, ImageFormat

# What stands for the channel in the name of a file, if there is one file for each channel.
EACH = "{channel}"


@dataclass(frozen=True)
class Destination:
    """The files of one picture."""

    picture: Path
    format: ImageFormat
    animation: Path | None


@dataclass(frozen=True)
class Output:
    """What the options of `reverie render` say about its files."""

    output: Path | None
    animate: Path | None
    image_format: str | None

    def check_animation(self) -> None:
        """Raise Failure if no animation can have the name that is given."""
        if self.animate and self.animate.suffix.lower() not in WRITERS:
            raise Failure(f"{self.animate} does not end in one of {', '.join(WRITERS)}.")

    def of_one(self, model: str, layer: str, channel: int | str) -> Destination:
        """Return the files of a channel that is rendered alone, where ``-o`` names the file."""
        return self._of(self.output, model, layer, channel)

    def of_each(self, model: str, layer: str, channels: Sequence[int]) -> dict[int | str, Destination]:
        """Return the files of several channels, where ``-o`` names a folder, or a file by a pattern with {channel}."""
        if self.animate and EACH not in str(self.animate):
            raise Failure(
                f"--animate {self.animate} is one file for several channels: put {EACH} in its name, "
                f"as in {_with_channel(self.animate)}."
            )
        folder = Path() if self.output is None else self.output
        if EACH in str(folder):
            return {channel: self._of(folder, model, layer, channel) for channel in channels}
        if folder.suffix.lower() in {*SUFFIXES, *WRITERS} and not folder.is_dir():
            raise Failure(
                f"-o {folder} is one file for several channels: name a folder, or put {EACH} in the name, "
                f"as in {_with_channel(folder)}."
            )
        name = f"{{model}}-{{layer}}-{EACH}.{self.image_format or ImageFormat.PNG}"
        return {channel: self._of(folder / name, model, layer, channel) for channel in channels}

    def _of(self, output: Path | None, model: str, layer: str, channel: int | str) -> Destination:
        names = {"model": _in_files(model), "layer": _in_files(layer), "channel": _in_files(str(channel))}
        if output is None:
            # A name of its own, in which characters that files may not have are joined over the whole.
            chosen = ImageFormat(self.image_format or ImageFormat.PNG)
            picture = Path(_in_files(f"{model}-{layer}-{channel}") + f".{chosen}")
        else:
            picture = _filled(output, names)
            chosen = self._format(picture)
        return Destination(picture, chosen, _filled(self.animate, names) if self.animate else None)

    def _format(self, picture: Path) -> ImageFormat:
        """Return the format of a picture, from its suffix or from ``--format``."""
        by_suffix = SUFFIXES.get(picture.suffix.lower())
        if self.image_format is None and by_suffix is None:
            raise Failure(f"{picture} does not end in one of {', '.join(SUFFIXES)}; say which it is with --format.")
        if self.image_format is not None and by_suffix not in (None, ImageFormat(self.image_format)):
            raise Failure(f"{picture} and --format {self.image_format} contradict each other.")
        return ImageFormat(self.image_format) if self.image_format else by_suffix or ImageFormat.PNG


def check_writable(destinations: Iterable[Destination]) -> None:
    """Raise Failure or UsageError if a file cannot be written, or if two would have the same name."""
    seen: set[Path] = set()
    for destination in destinations:
        for path in filter(None, (destination.picture, destination.animation)):
            if path in seen:
                raise Failure(f"{path} would be written twice: give pictures and animations names of their own.")
            seen.add(path)
            try_to_write(path)


def _in_files(name: str) -> str:
    """Return a name with only the characters that names of files may have everywhere."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


def _filled(pattern: Path, names: dict[str, str]) -> Path:
    """Replace {model}, {layer} and {channel} in a path; other braces are part of it."""
    return Path(re.sub(r"\{(model|layer|channel)\}", lambda match: names[match[1]], str(pattern)))


def _with_channel(path: Path) -> Path:
    return path.with_name(f"{path.stem}-{EACH}{path.suffix}")
