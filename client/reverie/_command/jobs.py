"""`reverie jobs`: commands for jobs, which render many pictures on a server without a connected client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from reverie_proto.files import write_atomically
from reverie_proto.printable import printable

from reverie._client import Client
from reverie._command.bar import progress_bar
from reverie._command.channels import MOST_LAYERS, MOST_RANGES, folded, listed_seeds, parsed
from reverie._command.failure import Command, Failure, ServerFailure, count_written
from reverie._command.picture import given_options, picture_options
from reverie._command.server import connected, server_options
from reverie._command.table import print_table
from reverie._job import Job
from reverie.jobs import JobEvent, JobInfo, JobLayer, JobState
from reverie.pictures import ImageFormat

FORMATS = [str(known) for known in ImageFormat if known is not ImageFormat.RAW]


def layer_channels(text: str) -> tuple[str, list[int] | None]:
    """Parse a text such as "conv4_3:0-15,20" into a layer and its channels; None stands for all channels."""
    layer, colon, channels = text.partition(":")
    if not colon:
        return layer, None
    try:
        return layer, parsed(channels)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} has no channels after the colon: {error}") from None


@click.group(short_help="Render many channels on a server, as one job.")
def jobs() -> None:
    """Render many channels on a server, as a job that keeps running after you disconnect and survives restarts."""


@jobs.command(cls=Command)
@click.argument("model")
@click.argument("layers", nargs=-1, required=True, type=layer_channels, metavar="LAYER[:CHANNELS]...")
@picture_options
@click.option("--seeds", metavar="LIST", help="A picture of each channel for each of these seeds, such as 0-3.")
@server_options
def create(model: str, layers: tuple[tuple[str, list[int] | None], ...], *, seeds: str | None, **options: Any) -> None:
    """Start a job for channels of LAYERs of a MODEL, and print its id.

    LAYER alone, or LAYER:all, stands for all of its channels; conv4_3:0-15,20 names some.
    """
    chosen: Any = given_options(options)
    if (numbers := listed_seeds(seeds)) is not None:
        chosen["seeds"] = numbers
    if len(dict(layers)) < len(layers):
        raise Failure("A layer is named twice: give all of its channels at once, as in conv4_3:0-15,20.")
    with _remote(options) as client:
        click.echo(printable(client.create_job(model, dict(layers), **chosen).id))


@jobs.command(name="list", cls=Command)
@server_options
def list_jobs(**server: Any) -> None:
    """List the jobs that the server still has a record of, newest first."""
    with _remote(server) as client:
        found = client.jobs()
    print_table(
        ("JOB", "STATE", "DONE", "FAILED", "PICTURES", "CREATED", "MODEL", "LAYERS"),
        [
            (
                job.id,
                job.state,
                str(job.done_count),
                str(job.failed_count),
                str(job.item_count),
                f"{job.created_at:%Y-%m-%d %H:%M:%S}",
                job.model,
                _layers(job.layers),
            )
            for job in found
        ],
        numbers=("DONE", "FAILED", "PICTURES"),
    )


@jobs.command(cls=Command)
@click.argument("job")
@server_options
def show(job: str, **server: Any) -> None:
    """Print the state of a JOB, its model and layers with their channels, and the key or certificate that made it."""
    with _remote(server) as client:
        info = client.job(job).info()
    _print_state(info)
    click.echo(printable(f"{info.model}  {', '.join(map(_layer, info.layers))}"))
    if info.owner:
        click.echo(printable(f"made by {info.owner}"))


@jobs.command(cls=Command)
@click.argument("job")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out what came up to event N.")
@server_options
def watch(job: str, after: int, **server: Any) -> None:
    """Follow a JOB until it has ended, and print a line for each picture."""
    with _remote(server) as client, _following(client.job(job), after) as events:
        for event in events:
            if (item := event.item) is not None:
                result = item.error or f"{item.outcome}  activation {item.activation:.4g}  {item.spec_digest}"
                click.echo(printable(f"{event.sequence}  {item.layer}:{item.channel}  {result}"))
        last = client.job(job).info()
    _print_state(last)
    _require_success(last)


@jobs.command(cls=Command)
@click.argument("job")
@server_options
def cancel(job: str, **server: Any) -> None:
    """Stop a JOB before its next step; finished pictures are kept."""
    with _remote(server) as client:
        _print_state(client.job(job).cancel())


@jobs.command(cls=Command)
@click.argument("job")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the pictures, each LAYER-CHANNEL.png; made if need be.",
)
@click.option("--format", "image_format", type=click.Choice(FORMATS), default="png", show_default=True)
@server_options
def fetch(job: str, out: Path, image_format: str, **server: Any) -> None:
    """Write each picture of a JOB into a folder as soon as it is finished, until the job has ended."""
    written = 0
    with _remote(server) as client, _following(client.job(job), 0) as events:
        several = len(client.job(job).info().seeds) > 1
        for event in events:
            if event.item is not None and event.item.spec is not None:
                rendering = client.render(spec=event.item.spec, format=image_format)
                seed = f"-seed{event.item.seed}" if several else ""
                title = f"{event.item.layer}-{event.item.channel:04d}{seed}.{image_format}"
                name = re.sub(r"[^A-Za-z0-9._-]+", "_", title)
                write_atomically(out / name, rendering.data)
                count_written()
                written += 1
        last = client.job(job).info()
    click.echo(printable(f"{out}  {written} pictures"))
    _require_success(last)


@contextmanager
def _remote(server: dict[str, Any]) -> Iterator[Client]:
    """Connect to the server that was named; required, because a job outlives this process."""
    if not server["server"]:
        raise Failure("Jobs live on a server: name one with --server HOST:PORT or REVERIE_SERVER.")
    with connected(**server) as client:
        yield client


@contextmanager
def _following(job: Job, after: int) -> Iterator[Iterator[JobEvent]]:
    """Yield an iterator over a job's events, which also updates a bar that counts its pictures."""
    with progress_bar(f"job {job.id[:8]}") as show:

        def events() -> Iterator[JobEvent]:
            for event in job.watch(after=after):
                show(event.job)
                yield event

        yield events()


def _print_state(job: JobInfo) -> None:
    facts = f"{job.done_count} of {job.item_count} done, {job.cached_count} of them before, {job.failed_count} failed"
    click.echo(printable(f"{job.id}  {job.state}  {facts}"))
    if job.detail:
        click.echo(printable(f"Waits: {job.detail}"), err=True)


def _require_success(job: JobInfo) -> None:
    """Fail unless every picture of the job was made."""
    if job.state is not JobState.SUCCEEDED:
        raise ServerFailure(f"The job is {job.state}: {job.done_count} of {job.item_count} pictures were made.")


def _layers(layers: Sequence[JobLayer]) -> str:
    """Return the layers of a job and their channels, as short as a row of a table needs them."""
    shown = [_layer(layer, most=MOST_RANGES) for layer in layers[:MOST_LAYERS]]
    more = len(layers) - len(shown)
    return ", ".join([*shown, f"... ({more} more layers)"] if more else shown)


def _layer(layer: JobLayer, *, most: int | None = None) -> str:
    return f"{layer.layer}:{folded(layer.channels, most=most)}" if layer.channels else layer.layer
