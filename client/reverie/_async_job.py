"""The asyncio handle of a job on a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeVar

from reverie import _jobs
from reverie._exchange import Exchange
from reverie.jobs import JobEvent, JobInfo, JobItem
from reverie.pictures import ImageFormat, Rendering
from reverie.spec import Spec

T = TypeVar("T")


class AsyncRunner(Protocol):
    """The methods of an asyncio client that a job handle uses."""

    async def _run(self, exchange: Exchange[T]) -> T: ...
    def _events(self, exchange: Exchange[Any]) -> AsyncIterator[Any]: ...
    def _seconds(self, timeout: float | None) -> float: ...
    async def render(self, *, spec: Spec, format: ImageFormat | str) -> Rendering:  # noqa: A002 - the wire's word
        """Render a picture again."""


class AsyncJob:
    """A job on a server for asyncio: the methods of :class:`reverie.Job`.

    Made by :meth:`reverie.AsyncClient.create_job` and :meth:`reverie.AsyncClient.job`.
    """

    def __init__(self, client: AsyncRunner, id: str) -> None:  # noqa: A002 - the wire's word
        self._client = client
        self.id = id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    async def info(self, *, timeout: float | None = None) -> JobInfo:
        """Return the job's current state and counts."""
        return await self._client._run(_jobs.get(self.id, self._client._seconds(timeout)))

    async def cancel(self, *, timeout: float | None = None) -> JobInfo:
        """Stop the job before its next step and keep the finished pictures. No effect on a job that has ended."""
        return await self._client._run(_jobs.cancel(self.id, self._client._seconds(timeout)))

    def watch(self, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Yield events until the job has ended: its current state, then each picture that ends, then its final state.

        ``after`` is the sequence number of the last event that the caller has seen. If the server restarts, the client
        waits for it; no event is missed or repeated. Leaving the loop does not stop the job.
        """
        return self._client._events(_jobs.watch(self.id, after))

    async def results(
        self,
        *,
        after: int = 0,
        format: ImageFormat | str = "png",  # noqa: A002
    ) -> AsyncIterator[tuple[JobItem, Rendering]]:
        """Yield each picture of the job with its item as soon as it is finished, until the job has ended.

        Failed pictures are left out. A picture that is no longer in the store is rendered again.
        """
        async for event in self.watch(after=after):
            if event.item is not None and event.item.spec is not None:
                yield event.item, await self._client.render(spec=event.item.spec, format=format)
