"""`reverie agree`: whether several recipes show the same of a unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from reverie_proto.files import write_atomically
from reverie_proto.printable import printable, printable_lines

from reverie._command.bar import progress_bar
from reverie._command.channels import listed_seeds
from reverie._command.failure import Command, Failure
from reverie._command.server import connected, server_options
from reverie._command.table import print_table
from reverie._files import try_to_write
from reverie.objectives import objective_of
from reverie.pictures import Accepted, Progress, Rendering
from reverie.spec import Spec


@click.command(cls=Command)
@click.argument("model")
@click.argument("layer")
@click.argument("channel")
@click.option("--seeds", default="0-3", show_default=True, metavar="LIST", help="Seeds of each recipe, at least two.")
@click.option("--steps", type=int, metavar="N", help="Steps of each render.  [default: the preset's]")
@click.option("--size", type=int, metavar="PX", help="Side of the pictures.  [default: the model's own]")
@click.option("--preset", metavar="NAME", help="What is common to all recipes.  [default: reverie]")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Sheet of all pictures, as .png.")
@server_options
def agree(model: str, layer: str, channel: str, *, seeds: str, output: Path | None, **options: Any) -> None:
    """Render a CHANNEL of a LAYER of a MODEL by several recipes and seeds, and say how well they agree.

    Where the recipes disagree, a single picture does not tell what the unit responds to.
    """
    from reverie.agreement import RECIPES, agreement  # loads Pillow, which `reverie --help` does not need

    numbers = listed_seeds(seeds) or []
    if len(numbers) < 2:
        raise Failure(f"--seeds {seeds} is one seed: give at least two, as in 0-3.")
    if output is not None:
        if output.suffix.lower() != ".png":
            raise Failure(f"-o {output} does not end in .png.")
        try_to_write(output)
    chosen = {name: value for name in ("steps", "size", "preset") if (value := options.pop(name)) is not None}
    objective, rows = objective_of(layer, channel), []
    with connected(**options) as client:
        for name, (optimizer, rate) in RECIPES.items():
            row = []
            for seed in numbers:
                spec = Spec(
                    model, objective, parametrization=name, optimizer=optimizer, learning_rate=rate, seed=seed, **chosen
                )
                with progress_bar(f"{name}, seed {seed}") as show:
                    for event in client.stream(spec=spec):
                        if isinstance(event, Accepted | Progress):
                            show(event)
                assert isinstance(event, Rendering)
                row.append(event)
            rows.append(row)
    found = agreement(tuple(RECIPES), rows)
    print_table(
        ("RECIPE", *(f"SEED {seed}" for seed in numbers), "MEAN"),
        [
            (name, *(f"{one:.4g}" for one in activations), f"{activations.mean():.4g}")
            for name, activations in zip(found.recipes, found.activations, strict=True)
        ],
        numbers=(*(f"SEED {seed}" for seed in numbers), "MEAN"),
    )
    verdict = (
        f"activation: the recipes differ by {found.spread:.0%} of the best\n"
        f"likeness: {found.within:.2f} between seeds of one recipe, {found.across:.2f} between recipes"
    )
    click.echo(printable_lines(verdict))
    if output is not None:
        write_atomically(output, _sheet(rows))
        click.echo(printable(f"{output}  {len(rows)} recipes x {len(numbers)} seeds"))


def _sheet(rows: list[list[Rendering]]) -> bytes:
    """Return all pictures as one PNG: a row for each recipe."""
    from io import BytesIO

    from PIL import Image

    width, height = rows[0][0].width, rows[0][0].height
    sheet = Image.new("RGB", (width * len(rows[0]), height * len(rows)))
    for y, row in enumerate(rows):
        for x, one in enumerate(row):
            sheet.paste(one.image, (x * width, y * height))
    stream = BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()
