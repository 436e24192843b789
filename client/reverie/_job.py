"""The blocking handle of a job on a server."""

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
    """The methods of a client that a job handle uses."""

    def _run(self, exchange: Exchange[T]) -> T: ...
    def _events(self, exchange: Exchange[Any]) -> Iterator[Any]: ...
    def _seconds(self, timeout: float | None) -> float: ...
    def render(self, *, spec: Spec, format: ImageFormat | str) -> Rendering:  # noqa: A002 - the wire's word
        """Render a picture again."""


class Job:
    """A handle of a job on a server, made by :meth:`reverie.Client.create_job` and :meth:`reverie.Client.job`.

    The job keeps running when its client disconnects, and continues after a restart of the server.
    """

    def __init__(self, client: Runner, id: str) -> None:  # noqa: A002 - the wire's word
        self._client = client
        self.id = id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def info(self, *, timeout: float | None = None) -> JobInfo:
        """Return the job's current state and counts."""
        return self._client._run(_jobs.get(self.id, self._client._seconds(timeout)))

    def cancel(self, *, timeout: float | None = None) -> JobInfo:
        """Stop the job before its next step and keep the finished pictures. No effect on a job that has ended."""
        return self._client._run(_jobs.cancel(self.id, self._client._seconds(timeout)))

    def watch(self, *, after: int = 0) -> Iterator[JobEvent]:
        """Yield events until the job has ended: its current state, then each picture that ends, then its final state.

        ``after`` is the sequence number of the last event that the caller has seen. If the server restarts, the client
        waits for it; no event is missed or repeated. Leaving the loop does not stop the job.
        """
        return self._client._events(_jobs.watch(self.id, after))

    def results(self, *, after: int = 0, format: ImageFormat | str = "png") -> Iterator[tuple[JobItem, Rendering]]:  # noqa: A002
        """Yield each picture of the job with its item as soon as it is finished, until the job has ended.

        Failed pictures are left out. A picture that is no longer in the store is rendered again.
        """
        for event in self.watch(after=after):
            if event.item is not None and event.item.spec is not None:
                yield event.item, self._client.render(spec=event.item.spec, format=format)
