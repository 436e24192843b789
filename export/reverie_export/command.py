"""``reverie export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from reverie_proto.printable import printable

from reverie_export.options import Refused, network_options


@click.command(short_help="Turn a network into a model folder.")
@click.argument("source")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of models to write to.")
@click.option(
    "--weights",
    help="A torchvision weights name such as DEFAULT or IMAGENET1K_V1, a .pth or .safetensors file, or random:SEED.",
)
@network_options
@click.option(
    "--append",
    multiple=True,
    metavar="FILE@LAYER[=NAME]",
    help="Add the layer LAYER/NAME: the latents of an autoencoder in a .safetensors file of overcomplete, SAELens or"
    " Prisma, or the directions in a .npy matrix [count, channels]. NAME is the file's if not given. Repeatable.",
)
@click.option("--name", help="Name of the model; by default the source's own.")
@click.option("--portable", is_flag=True, help="Only layers whose gradients every ONNX runtime can compute.")
@click.option("--force", is_flag=True, help="Replace a model of the same name.")
def export(
    source: str,
    out: Path,
    weights: str | None,
    layers: tuple[str, ...],
    append: tuple[str, ...],
    name: str | None,
    overrides: Mapping[str, Any],
    portable: bool,
    force: bool,
    seconds: float | None,
) -> None:
    """Turn a network into a folder of ONNX graphs, one per layer, each with its input gradient inside.

    SOURCE is a torchvision model (vgg19, resnet50, ...), package.module:callable returning a torch.nn.Module, or an
    .onnx file.
    """
    # Here, not above: --help must answer without onnx and torch.
    from reverie_export.errors import ExportError
    from reverie_export.pipeline import export_model
    from reverie_export.progress import progress_bar
    from reverie_export.sources.open import Overrides

    try:
        with progress_bar() as show:
            made = export_model(
                source,
                out=out,
                weights=weights,
                layers=layers,
                append=append,
                name=name,
                overrides=Overrides(**overrides),
                portable=portable,
                force=force,
                seconds=seconds,
                progress=show,
            )
    except ExportError as e:
        raise Refused(str(e)) from e
    for warning in made.warnings:
        click.echo(printable(f"warning: {warning}"), err=True)
    for layer, reason in made.omitted.items():
        click.echo(printable(f"left out {layer}: {reason}"), err=True)
    size_mb = sum(file.size_bytes for file in made.manifest.files) / 1e6
    click.echo(printable(f"{made.folder}: {len(made.manifest.layers)} layers, {size_mb:.1f} MB"))
