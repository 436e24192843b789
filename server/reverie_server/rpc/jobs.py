"""reverie.v1's calls about jobs: the wire's half, and nothing of the work."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import asyncio

import grpc
from reverie_proto.v1 import jobs_pb2

from reverie_server.engine import Engine
from reverie_server.errors import Draining
from reverie_server.jobs.states import OPEN
from reverie_server.rpc.loop_events import Bells
from reverie_server.rpc.status import reported


class JobCalls:
    """The part of the servicer that is about jobs. Belongs to one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._jobs = engine.jobs
        self._draining = False
        self._bells = Bells()
        #: Rung when there may be news for a watcher.
        self._rung: set[asyncio.Event] = set()

    @reported
    async def CreateRenderJob(
        self, request: jobs_pb2.CreateRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.CreateRenderJobResponse:
        """Begin a job: a picture for each of many channels."""
        if self._draining:
            raise Draining
        return jobs_pb2.CreateRenderJobResponse(job=await asyncio.to_thread(self._jobs.create, request))

    @reported
    async def GetRenderJob(
        self, request: jobs_pb2.GetRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.GetRenderJobResponse:
        """How a job stands."""
        return jobs_pb2.GetRenderJobResponse(job=await asyncio.to_thread(self._jobs.get, request.id))

    @reported
    async def ListRenderJobs(
        self, request: jobs_pb2.ListRenderJobsRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.ListRenderJobsResponse:
        """The jobs that are remembered, the newest first, a page at a time."""
        jobs, token = await asyncio.to_thread(self._jobs.page, request)
        return jobs_pb2.ListRenderJobsResponse(jobs=jobs, next_page_token=token)

    @reported
    async def CancelRenderJob(
        self, request: jobs_pb2.CancelRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.CancelRenderJobResponse:
        """End a job before its next step."""
        return jobs_pb2.CancelRenderJobResponse(job=await asyncio.to_thread(self._jobs.cancel, request.id))

    @reported
    async def WatchRenderJob(self, request: jobs_pb2.WatchRenderJobRequest, context: grpc.aio.ServicerContext) -> None:
        """What a job does, item by item, until it has ended."""
        rung = asyncio.Event()
        self._rung.add(rung)
        try:
            with self._jobs.heard(self._bells.bell(rung)):
                await self._watch(request, context, rung)
        finally:
            self._rung.discard(rung)

    async def _watch(
        self, request: jobs_pb2.WatchRenderJobRequest, context: grpc.aio.ServicerContext, rung: asyncio.Event
    ) -> None:
        after = request.after_sequence
        job, items = await asyncio.to_thread(self._jobs.news, request.id, after)
        await context.write(jobs_pb2.WatchRenderJobResponse(sequence=after, job=job))
        while True:
            for sequence, item in items:
                after = sequence
                await context.write(jobs_pb2.WatchRenderJobResponse(sequence=after, job=_brief(job), item=item))
            if not items and job.state not in OPEN:
                if after < job.sequence:
                    await context.write(jobs_pb2.WatchRenderJobResponse(sequence=job.sequence, job=_brief(job)))
                return
            if not items:
                if self._draining:
                    raise Draining
                await rung.wait()
            rung.clear()
            job, items = await asyncio.to_thread(self._jobs.news, request.id, after)

    def end_watches(self) -> None:
        """Let everybody who watches come back another time."""
        for rung in self._rung:
            rung.set()


def _brief(job: jobs_pb2.RenderJob) -> jobs_pb2.RenderJob:
    """Return a job without what its watcher knows from the first message."""
    brief = jobs_pb2.RenderJob()
    brief.CopyFrom(job)
    brief.ClearField("template")
    brief.ClearField("layers")
    return brief
