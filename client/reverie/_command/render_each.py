"""Renders pictures one after the other, writes each as soon as it is finished, and continues after failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from reverie_proto.files import write_atomically
from reverie_proto.printable import printable, printable_lines

from reverie._client import Client
from reverie._command.bar import progress_bar
from reverie._command.destination import Destination
from reverie._command.failure import Failure, count_written, failure_of
from reverie._options import StreamOptions
from reverie.animation import animated, schedule
from reverie.errors import ReverieError
from reverie.pictures import Accepted, Frame, ImageFormat, Outcome, Progress, Rendering
from reverie.spec import Spec


@dataclass(frozen=True)
class Picture:
    """A picture to render: how, and to which files."""

    spec: Spec
    files: Destination
    negative: bool  # its objective is minus the activation
    importance: Path | None = None  # the file of its importance

    def with_seed(self, seed: int) -> Picture:
        """Return the same picture of a seed, whose files have the seed in their names."""
        importance = None if self.importance is None else seeded(self.importance, seed)
        files = replace(
            self.files,
            picture=seeded(self.files.picture, seed),
            animation=None if self.files.animation is None else seeded(self.files.animation, seed),
        )
        return Picture(replace(self.spec, seed=seed), files, self.negative, importance)

    def with_importance(self, path: Path | None) -> Picture:
        """Return the same picture with a file for its importance."""
        return replace(self, importance=path)


def seeded(path: Path, seed: int) -> Path:
    """Return a path with a seed in its name: in place of {seed}, or at the end."""
    if "{seed}" in path.name:
        return path.with_name(path.name.replace("{seed}", str(seed)))
    return path.with_name(f"{path.stem}-seed{seed}{path.suffix}")


def render_each(client: Client, pictures: Sequence[Picture], request: StreamOptions) -> None:
    """Render the pictures and write their files; report each failure and continue with the next picture.

    At the end ``click.exceptions.Exit`` is raised if any failed: 2 if all did for reasons that the user can fix, else
    1. The failure of a single picture is raised as it is.
    """
    if pictures[0].files.animation and pictures[0].spec.steps is None:
        # The frames to request depend on the number of steps, so the default is resolved here.
        steps = _default_steps(client, pictures[0].spec.preset)
        pictures = [replace(picture, spec=replace(picture.spec, steps=steps)) for picture in pictures]
    failures: list[Failure] = []
    for index, picture in enumerate(pictures, 1):
        try:
            _render(client, picture, request, f"{index} of {len(pictures)}: " if len(pictures) > 1 else "")
        except BrokenPipeError:
            raise  # the reader of standard output has seen enough
        except (ReverieError, OSError) as error:
            if len(pictures) == 1:
                raise
            failure = failure_of(error)
            # A mistake of the call concerns every picture: its sentence is not repeated for hundreds of channels.
            sentence = "as before." if failures and failures[-1].message == failure.message else failure.message
            failures.append(failure)
            click.echo(printable_lines(f"Error: {printable(str(picture.spec.objective))}: {sentence}"), err=True)
    if failures:
        click.echo(printable(f"{len(failures)} of {len(pictures)} pictures failed."), err=True)
        is_of_call = len(failures) == len(pictures) and all(each.exit_code == Failure.exit_code for each in failures)
        raise click.exceptions.Exit(Failure.exit_code if is_of_call else 1)


def _render(client: Client, picture: Picture, request: StreamOptions, place: str) -> None:
    """Render a picture, write its files and print a line for each; ``place`` is its place among others, or empty."""
    spec, files = picture.spec, picture.files
    request = {**request, "spec": spec, "format": files.format}
    if files.animation:
        request["frames_at"] = schedule(spec.steps or 0)
    with progress_bar(f"{place}{spec.model} {spec.objective}") as show:
        rendering, frames = _follow(client, request, show)
    moving = animated([frame.image for frame in frames], files.animation.suffix) if files.animation else b""

    took = "from the store" if rendering.cached else f"{rendering.elapsed_s:.1f} s"
    activation = -rendering.activation if picture.negative else rendering.activation
    facts = [f"activation {activation:.4g}", f"{rendering.steps} steps", took]
    if (spec.best_of or 1) > 1:
        facts.insert(1, f"seed {rendering.seed}")
    if rendering.robustness is not None:
        facts.insert(1, f"robustness {rendering.robustness:.2f}")
    several = len(rendering.images) > 1
    for number, image in enumerate(rendering.images, 1):
        path = files.picture.with_name(f"{files.picture.stem}-{number}{files.picture.suffix}") if several else None
        write_atomically(path or files.picture, image.encoded(files.format))
        count_written()
        click.echo(printable(f"{path or files.picture}  {', '.join(facts)}"))
    if picture.importance is not None and rendering.importance is not None:
        write_atomically(picture.importance, rendering.importance.encoded(ImageFormat.PNG))
        click.echo(printable(f"{picture.importance}  importance"))
    if files.animation:
        write_atomically(files.animation, moving)
        click.echo(printable(f"{files.animation}  {len(frames)} frames"))
    if rendering.outcome not in (Outcome.CONVERGED, Outcome.REACHED):
        subject = f"{spec.objective}: " if place else ""
        click.echo(printable(f"Note: {subject}{rendering.outcome_detail}"), err=True)


def _default_steps(client: Client, preset: str | None) -> int | None:
    """Return the steps of a preset (None: the server's first, its default), or None if the server does not have it."""
    presets = client.server_info().presets
    return next((known.steps for known in presets if preset in (None, known.name)), None)


def _follow(
    client: Client, request: StreamOptions, show: Callable[[Accepted | Progress], None]
) -> tuple[Rendering, list[Frame]]:
    frames = []
    for event in client.stream(**request):
        if isinstance(event, Accepted | Progress):
            show(event)
        if isinstance(event, Progress) and event.frame:
            frames.append(event.frame)
    assert isinstance(event, Rendering)
    return event, frames
