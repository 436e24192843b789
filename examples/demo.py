"""A demonstration of Reverie: `make demo`, or `python examples/demo.py` where `reverie[server]` is installed.

It starts a server on a free port of this machine, renders sixteen pictures of the embedded network through the client,
shows the progress of each, and stops the server. It writes a contact sheet, from edges to motifs, and an animation of
one picture from noise to the result.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import reverie
from PIL import Image, ImageDraw, ImageFont
from reverie.animation import animated, schedule
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

MODEL = "texture19"
REVERIE = Path(sysconfig.get_path("scripts")) / "reverie"

# The layout of the contact sheet, in pixels and colours.
COLUMNS = 4
GAP = 10
CAPTION = 24
BACKGROUND, INK = "#16161a", "#e8e6e3"


class DemoFailed(Exception):
    """The demo cannot continue; the message gives the cause and the remedy."""


@dataclass(frozen=True)
class Unit:
    """A channel of a layer: its number or, in the last layer, the label of its class."""

    layer: str
    channel: int | str

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"


# In order from the input picture to the output: edges and grain, textures, motifs, classes.
UNITS = [
    Unit("conv1_2", 7),
    Unit("conv1_2", 12),
    Unit("conv2_2", 8),
    Unit("conv2_2", 16),
    Unit("conv3_1", 41),
    Unit("conv3_1", 57),
    Unit("conv3_3", 32),
    Unit("conv4_1", 81),
    Unit("conv4_3", 0),
    Unit("conv4_3", 32),
    Unit("conv5_1", 32),
    Unit("conv5_1", 96),
    Unit("conv5_1", 64),
    Unit("logits", "owl eye"),
    Unit("logits", "petals 5"),
    Unit("logits", "gear"),
]
ANIMATED = Unit("logits", "owl eye")

Show = Callable[[Unit, reverie.Progress | reverie.Rendering], None]


def main() -> None:
    """Run the demo as a command; on failure print a sentence and exit with a status other than 0."""
    arguments = argparse.ArgumentParser(description="Render a contact sheet of the embedded network.")
    arguments.add_argument("--out", type=Path, default=Path("demo"), help="folder to write to (demo)")
    arguments.add_argument("--steps", type=int, default=96, help="steps of gradient ascent for each picture (96)")
    arguments.add_argument("--size", type=int, default=160, help="width and height of each picture (160)")
    chosen = arguments.parse_args()
    for name in {"SIGTERM", "SIGHUP"} & vars(signal).keys():
        signal.signal(getattr(signal, name), _leave)  # exit by an exception, so that the server is stopped too
    try:
        run(chosen.out, steps=chosen.steps, size=chosen.size)
    except (DemoFailed, reverie.ReverieError) as error:
        sys.exit(f"The demo failed. {error}\nTo see what the server says: {command()} serve")
    except OSError as error:
        sys.exit(f"The demo failed. {error.filename}: {error.strerror or error}. Name another folder with --out.")
    except KeyboardInterrupt:
        print("\nStopped; the server too.", file=sys.stderr)
        sys.exit(130)


def run(out: Path, *, steps: int, size: int) -> None:
    """Render the pictures and write the two files."""
    console = Console()
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise DemoFailed(f"Nothing can be written to {out}. Name another folder with --out.")

    with server() as address, reverie.Client(address) as client:
        console.print(f"A server is on {address}. Rendering {len(UNITS)} units of {MODEL} ...", highlight=False)
        with bars(console) if console.is_interactive else lines() as show:
            pictures = [render(client, unit, show, steps=steps, size=size) for unit in UNITS]

    sheet, animation = out / "contact-sheet.png", out / "from-noise.gif"
    contact_sheet([(str(unit), images[-1]) for unit, images in zip(UNITS, pictures, strict=True)]).save(sheet)
    animation.write_bytes(animated(pictures[UNITS.index(ANIMATED)], animation.suffix))
    print(
        f"\nDone in {time.monotonic() - started:.0f} s:\n"
        f"  {sheet}  {len(UNITS)} units, from edges to motifs\n"
        f"  {animation}  {ANIMATED} out of the noise\n\n"
        "Try next:\n"
        f"  {command()} layers {MODEL}\n"
        f"  {command()} render {MODEL} conv4_3 46 --animate conv4_3-46.gif\n"
        f"  {command()} render {MODEL} logits star --size 320 --steps 512\n"
        f"  {command()} serve          (README.md shows how to call it from Python and other languages)"
    )


@contextmanager
def server() -> Iterator[str]:
    """Run `reverie serve` on a free port, yield its address, and stop it when the block ends."""
    if not REVERIE.exists():
        raise DemoFailed(f'There is no {REVERIE}. Run make demo, or: pip install "reverie[server]"')
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603
            [REVERIE, "serve", "--listen", "127.0.0.1:0", "--store", "off", "--grace", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # so that Ctrl-C only reaches the demo, which then stops the server
        )
        try:
            assert process.stdout is not None
            # "Reverie 0.1.0 serves texture19 on 127.0.0.1:41234 (cpu)."
            if (ready := re.search(r" on (\S+)", process.stdout.readline())) is None:
                process.wait()
                log.seek(0)
                raise DemoFailed(f"The server did not start:\n{log.read().strip()}")
            yield ready[1]
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def render(client: reverie.Client, unit: Unit, show: Show, *, steps: int, size: int) -> list[Image.Image]:
    """Render a unit; return the frames, if it is the animated one, and the finished picture as the last."""
    options: reverie.StreamOptions = {"steps": steps, "size": size}
    if unit == ANIMATED:
        options["frames_at"] = schedule(steps)[:-1]
    images = []
    for event in client.stream(MODEL, unit.layer, unit.channel, **options):
        if isinstance(event, reverie.Accepted):
            continue
        show(unit, event)
        if isinstance(event, reverie.Rendering):
            images.append(event.image)
        elif event.frame:
            images.append(event.frame.image)
    return images


def contact_sheet(tiles: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Draw pictures of the same size in rows, each above its caption."""
    width, height = tiles[0][1].size
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new(
        "RGB", (COLUMNS * (width + GAP) + GAP, rows * (height + CAPTION + GAP // 2) + GAP + GAP // 2), BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for index, (caption, picture) in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        left, top = GAP + column * (width + GAP), GAP + row * (height + CAPTION + GAP // 2)
        sheet.paste(picture, (left, top))
        draw.text((left + width // 2, top + height + CAPTION // 2), caption, fill=INK, font=font, anchor="mm")
    return sheet


# ----- progress display -----


@contextmanager
def bars(console: Console) -> Iterator[Show]:
    """Show a live bar for each picture, with its objective, and one for all of them."""
    live = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[objective]}"),
        TimeElapsedColumn(),
        console=console,
    )
    whole = live.add_task("all", total=len(UNITS), objective="pictures")
    tasks = {}

    def show(unit: Unit, event: reverie.Progress | reverie.Rendering) -> None:
        if unit not in tasks:
            tasks[unit] = live.add_task(str(unit), total=event.steps, objective="")
        if isinstance(event, reverie.Rendering):  # progress events may skip steps, including the last one
            live.update(tasks[unit], completed=event.steps, objective=f"objective {event.activation:.3f}")
            live.update(whole, completed=len(tasks))
        else:
            live.update(tasks[unit], completed=event.step, objective=f"objective {event.objective:.3f}")

    with live:
        yield show


@contextmanager
def lines() -> Iterator[Show]:
    """Print one line for each picture, for output that is not a terminal."""

    def show(unit: Unit, event: reverie.Progress | reverie.Rendering) -> None:
        if isinstance(event, reverie.Rendering):
            result = f"objective {event.activation:8.3f} after {event.steps} steps, {event.elapsed_s:.1f} s"
            print(f"  {unit!s:15} {result}", flush=True)

    yield show


def command() -> str:
    """Return the path of the `reverie` command, relative to the working directory if it is inside."""
    here = Path.cwd()
    return str(REVERIE.relative_to(here) if REVERIE.is_relative_to(here) else REVERIE)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
