"""``reverie export``."""

from __future__ import annotations

from pathlib import Path

import click


class Refused(click.ClickException):
    """An export that cannot be made."""

    exit_code = 2


def _layers(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return () if text == "all" else tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(_: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 0.485,0.456,0.406") from None


def _size(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if not all(part.isdecimal() for part in parts) or len(parts) not in (1, 3) or len(set(parts[-2:])) != 1:
        raise click.BadParameter(f"{text!r} is not a square size such as 3x224x224 or 224")
    if len(parts) == 3 and parts[0] != "3":
        raise click.BadParameter(f"{text!r}: pictures have 3 channels")
    return int(parts[-1])


@click.command(short_help="Turn a network into a model folder.")
@click.argument("source")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of models to write to.")
@click.option(
    "--weights",
    help="A torchvision weights name such as DEFAULT or IMAGENET1K_V1, a .pth or .safetensors file, or random:SEED.",
)
@click.option("--layers", default="all", show_default=True, callback=_layers, help="Names, separated by commas.")
@click.option("--name", help="Name of the model; by default the source's own.")
@click.option("--input", "size", callback=_size, help="Size that the network is made for, such as 3x224x224.")
@click.option("--mean", callback=_numbers, help="Normalisation: (scale * picture - mean) / std, picture in [0, 1].")
@click.option("--std", callback=_numbers, help="See --mean.")
@click.option("--scale", type=float, help="See --mean; 255 for networks that take bytes.")
@click.option(
    "--channel-order", type=click.Choice(["RGB", "BGR"]), help="Of the network's input, and of --mean and --std."
)
@click.option("--force", is_flag=True, help="Replace a model of the same name.")
def export(
    source: str,
    out: Path,
    weights: str | None,
    layers: tuple[str, ...],
    name: str | None,
    size: int | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    scale: float | None,
    channel_order: str | None,
    force: bool,
) -> None:
    """Turn a network into a folder of ONNX graphs, one per layer, each with its input gradient inside.

    SOURCE is a torchvision model (vgg19, resnet50, ...), package.module:callable returning a torch.nn.Module, or an
    .onnx file.
    """
    # Here, not above: --help must answer without onnx and torch.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from reverie_export.errors import ExportError
    from reverie_export.pipeline import export_model
    from reverie_export.sources.opened import Overrides

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as bar:
            stages: dict[str, object] = {}

            def show(stage: str, done: int, total: int) -> None:
                if stage not in stages:
                    stages[stage] = bar.add_task(stage, total=total)
                bar.update(stages[stage], completed=done, total=total)  # type: ignore[arg-type]

            made = export_model(
                source,
                out=out,
                weights=weights,
                layers=layers,
                name=name,
                overrides=Overrides(size, mean, std, scale, channel_order),
                force=force,
                progress=show,
            )
    except ExportError as e:
        raise Refused(str(e)) from e
    for layer, reason in made.omitted.items():
        click.echo(f"left out {layer}: {reason}", err=True)
    size_mb = sum(file.size_bytes for file in made.manifest.files) / 1e6
    click.echo(f"{made.folder}: {len(made.manifest.layers)} layers, {size_mb:.1f} MB")
