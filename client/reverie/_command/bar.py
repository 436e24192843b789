"""A progress bar that also shows the objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reverie_proto.printable import printable

from reverie.jobs import JobInfo
from reverie.pictures import Accepted, Progress


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Accepted | Progress | JobInfo], None]]:
    """Show a bar on stderr while the block runs; the function that is yielded updates it with each event.

    The bar is removed at the end. Nothing is shown if stderr is not a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_interactive:
        yield lambda _: None
        return
    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[objective]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(printable(title), total=None, objective="")

    def show(event: Accepted | Progress | JobInfo) -> None:
        if isinstance(event, JobInfo):
            trouble = printable(event.detail) or (f"{event.failed_count} failed" if event.failed_count else "")
            ended = event.done_count + event.failed_count
            bar.update(task, completed=ended, total=event.item_count, objective=trouble)
        elif event.queue_position:
            bar.update(task, objective=f"{event.queue_position} before it")
        elif isinstance(event, Progress):
            bar.update(task, completed=event.step, total=event.steps, objective=f"objective {event.objective:.4g}")
        elif event.estimated_s is not None:
            bar.update(task, objective=f"about {event.estimated_s:.0f} s" if event.estimated_s >= 1 else "")

    with bar:
        yield show
