"""A job on a server, for ordinary code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from reverie import _jobs
from reverie._exchange import Exchange
from reverie.jobs import JobEvent, JobInfo, JobItem
from reverie.pictures import ImageFormat, Rendering
from reverie.spec import Spec

T = TypeVar("T")


class Runner(Protocol):
    """What a job needs of the client that made it."""

    def _run(self, exchange: Exchange[T]) -> T: ...
    def _told(self, exchange: Exchange[Any]) -> Iterator[Any]: ...
    def _seconds(self, timeout: float | None) -> float: ...
    def render(self, *, spec: Spec, format: ImageFormat | str) -> Rendering:  # noqa: A002 - the wire's word
        """Render a picture again."""


class Job:
    """A job on a server; made by :meth:`reverie.Client.create_job` and :meth:`reverie.Client.job`.

    It goes on without its client, and after the server's restart.
    """

    def __init__(self, client: Runner, id: str) -> None:  # noqa: A002 - the wire's word
        self._client = client
        self.id = id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def info(self, *, timeout: float | None = None) -> JobInfo:
        """How the job stands."""
        return self._client._run(_jobs.get(self.id, self._client._seconds(timeout)))

    def cancel(self, *, timeout: float | None = None) -> JobInfo:
        """End the job before its next step; what is done stays. No effect on a job that has ended."""
        return self._client._run(_jobs.cancel(self.id, self._client._seconds(timeout)))

    def watch(self, *, after: int = 0) -> Iterator[JobEvent]:
        """What the job does until it has ended: first how it stands, then each picture that ends, then its end.

        ``after`` is the sequence of the last event that is known. A server that restarts meanwhile is waited for, and
        no event is missed or told twice. Leaving the loop does not stop the job.
        """
        return self._client._told(_jobs.watch(self.id, after))

    def results(self, *, after: int = 0, format: ImageFormat | str = "png") -> Iterator[tuple[JobItem, Rendering]]:  # noqa: A002
        """The pictures of the job as they are done, each with its item, until the job has ended.

        Those that failed are left out. A picture that the store has lost since is rendered again.
        """
        for event in self.watch(after=after):
            if event.item is not None and event.item.spec is not None:
                yield event.item, self._client.render(spec=event.item.spec, format=format)
