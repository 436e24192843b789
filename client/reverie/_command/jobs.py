"""`reverie jobs`: many pictures from one request, on a server that goes on without us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reverie._client import Client
from reverie._command.bar import progress_bar
from reverie._command.failure import Command, Failure, ServerFailure
from reverie._command.picture import described, picture_options
from reverie._command.server import connected, server_options
from reverie._command.table import print_table
from reverie._files import write_atomically
from reverie._job import Job
from reverie.jobs import JobEvent, JobInfo, JobLayer, JobState
from reverie.pictures import ImageFormat

FORMATS = [str(known) for known in ImageFormat if known is not ImageFormat.RAW]


def layer_channels(text: str) -> tuple[str, list[int] | None]:
    """A layer and its chosen channels, or None for all of them, from a text such as "conv4_3:0-15,20"."""
    layer, colon, channels = text.partition(":")
    if not colon:
        return layer, None
    chosen: list[int] = []
    for part in channels.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if match is None:
            raise click.BadParameter(
                f"{text!r} has no channels after the colon: write numbers and ranges, as in 0-15,20"
            )
        chosen += range(int(match[1]), int(match[2] or match[1]) + 1)
    return layer, chosen


@click.group(short_help="Render many channels on a server, as a job that goes on without you.")
def jobs() -> None:
    """Render many channels on a server, as a job that goes on without you and after the server's restart."""


@jobs.command(cls=Command)
@click.argument("model")
@click.argument("layers", nargs=-1, required=True, type=layer_channels, metavar="LAYER[:CHANNELS]...")
@picture_options
@server_options
def create(model: str, layers: tuple[tuple[str, list[int] | None], ...], **options: Any) -> None:
    """Begin a job for channels of LAYERs of a MODEL, and print its id.

    LAYER alone stands for all of its channels; conv4_3:0-15,20 names some.
    """
    chosen = described(options)
    if len(dict(layers)) < len(layers):
        raise Failure("A layer is named twice: give all of its channels at once, as in conv4_3:0-15,20.")
    with _remote(options) as client:
        click.echo(client.create_job(model, dict(layers), **chosen).id)


@jobs.command(name="list", cls=Command)
@server_options
def list_jobs(**server: Any) -> None:
    """List the jobs that the server remembers, the newest first."""
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
                ", ".join(map(_layer, job.layers)),
            )
            for job in found
        ],
        numbers=("DONE", "FAILED", "PICTURES"),
    )


@jobs.command(cls=Command)
@click.argument("job")
@server_options
def show(job: str, **server: Any) -> None:
    """Tell how a JOB stands."""
    with _remote(server) as client:
        _tell(client.job(job).info())


@jobs.command(cls=Command)
@click.argument("job")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out what came up to event N.")
@server_options
def watch(job: str, after: int, **server: Any) -> None:
    """Follow a JOB until it has ended: a line for each picture."""
    with _remote(server) as client, _following(client.job(job), after) as events:
        for event in events:
            if (item := event.item) is not None:
                result = item.error or f"{item.outcome}  activation {item.activation:.4g}  {item.spec_digest}"
                click.echo(f"{event.sequence}  {item.layer}:{item.channel}  {result}")
        last = client.job(job).info()
    _tell(last)
    _judge(last)


@jobs.command(cls=Command)
@click.argument("job")
@server_options
def cancel(job: str, **server: Any) -> None:
    """End a JOB before its next step; pictures that are done stay."""
    with _remote(server) as client:
        _tell(client.job(job).cancel())


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
    """Write the pictures of a JOB into a folder, as they are done, until it has ended."""
    written = 0
    with _remote(server) as client, _following(client.job(job), 0) as events:
        for event in events:
            if event.item is not None and event.item.spec is not None:
                rendering = client.render(spec=event.item.spec, format=image_format)
                name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{event.item.layer}-{event.item.channel:04d}.{image_format}")
                write_atomically(out / name, rendering.data)
                written += 1
        last = client.job(job).info()
    click.echo(f"{out}  {written} pictures")
    _judge(last)


@contextmanager
def _remote(server: dict[str, Any]) -> Iterator[Client]:
    """A client of the server that was named: a job needs one that stays."""
    if not server["server"]:
        raise Failure("Jobs live on a server: name one with --server HOST:PORT or REVERIE_SERVER.")
    with connected(**server) as client:
        yield client


@contextmanager
def _following(job: Job, after: int) -> Iterator[Iterator[JobEvent]]:
    """The events of a job, with a bar that counts its pictures."""
    with progress_bar(f"job {job.id[:8]}") as show:

        def events() -> Iterator[JobEvent]:
            for event in job.watch(after=after):
                show(event.job)
                yield event

        yield events()


def _tell(job: JobInfo) -> None:
    facts = f"{job.done_count} of {job.item_count} done, {job.cached_count} of them before, {job.failed_count} failed"
    click.echo(f"{job.id}  {job.state}  {facts}")
    if job.detail:
        click.echo(f"Waits: {job.detail}", err=True)


def _judge(job: JobInfo) -> None:
    """End with an error where not every picture was made."""
    if job.state is not JobState.SUCCEEDED:
        raise ServerFailure(f"The job is {job.state}: {job.done_count} of {job.item_count} pictures were made.")


def _layer(layer: JobLayer) -> str:
    ranges = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in layer.channels)
    return f"{layer.layer}:{ranges}" if ranges else layer.layer
