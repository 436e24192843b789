"""`reverie serve`."""

from __future__ import annotations

from pathlib import Path

import click

# Nothing heavy is imported here: `reverie --help` reads this file for one sentence.


class Refused(click.ClickException):
    """The server cannot start as it was told to."""

    exit_code = 2


@click.command(short_help="Serve models over gRPC.")
@click.option(
    "--models",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of exported models; may be repeated. Default: the embedded model.",
)
@click.option(
    "--listen", default="127.0.0.1:50051", show_default=True, help="HOST:PORT (port 0: a free one) or unix:PATH."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of one step. Default: all cores.")
@click.option("--exact", is_flag=True, help="Run the graphs as exported, not the faster ones made of them for a CPU.")
@click.option("--bfloat16", is_flag=True, help="On a GPU, compute convolutions in bfloat16.")
@click.option(
    "--batch",
    type=click.IntRange(min=1, max=64),
    help="Renders of one program that share a step. Default: as many as cost the device hardly more than one.",
)
@click.option(
    "--warm",
    multiple=True,
    metavar="MODEL/LAYER",
    help="Load a layer's program before being ready; may be repeated.",
)
@click.option(
    "--store",
    metavar="URL|off",
    help="Where finished pictures are kept: a folder, or an fsspec URL such as s3://bucket/folder.  [default: a folder"
    " in the user's cache]",
)
@click.option(
    "--store-limit",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Most that the store may hold; what was not used for long makes room.  [default: 2048 in a folder]",
)
@click.option(
    "--jobs",
    metavar="FILE|off",
    help="Where jobs are remembered, by one server at a time.  [default: a file in the user's data folder]",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Seconds that renders may take to finish after SIGTERM or Ctrl-C; a second one does not wait.",
)
def serve(
    models: tuple[Path, ...],
    listen: str,
    device: str,
    threads: int | None,
    exact: bool,
    bfloat16: bool,
    batch: int | None,
    warm: tuple[str, ...],
    store: str | None,
    store_limit: int | None,
    jobs: str | None,
    grace: float,
) -> None:
    """Serve models over gRPC until SIGTERM or Ctrl-C.

    Prints one line when it is ready. Health (grpc.health.v1) and reflection are served too.
    """
    from reverie_server.foreground import run  # loads ONNX Runtime

    if exact and bfloat16:
        raise Refused("--exact and --bfloat16 contradict each other.")
    run(
        models,
        listen,
        device=device,
        threads=threads,
        exact=exact,
        bfloat16=bfloat16,
        batch=batch,
        warm=warm,
        store=store,
        store_limit_bytes=None if store_limit is None else store_limit * 2**20,
        jobs=jobs,
        grace_s=grace,
    )
