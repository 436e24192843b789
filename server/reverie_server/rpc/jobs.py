"""The methods of `reverie.v1` for jobs: create, get, list, cancel and watch."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import asyncio

import grpc
from reverie_proto.v1 import jobs_pb2

from reverie_server.engine import Engine
from reverie_server.errors import Draining
from reverie_server.jobs.states import OPEN
from reverie_server.rpc.caller import current_caller
from reverie_server.rpc.loop_events import LoopEvents
from reverie_server.rpc.replies import REPLY_BYTES, Replies, with_room
from reverie_server.rpc.status import rpc_method


class JobServicer:
    """Serves the jobs of an engine until drained. Belongs to one event loop."""

    def __init__(self, engine: Engine, replies: Replies) -> None:
        self._jobs = engine.jobs
        self.replies = replies
        self._draining = False
        self._loop_events = LoopEvents()
        #: One event for each watcher, set when the job may have changed.
        self._watchers: set[asyncio.Event] = set()

    @rpc_method
    @with_room
    async def CreateRenderJob(
        self, request: jobs_pb2.CreateRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.CreateRenderJobResponse:
        """Create a job: a picture for each of many channels."""
        if self._draining:
            raise Draining
        owner = current_caller().account.owner
        job = await asyncio.to_thread(self._jobs.create, request, owner=owner)
        return jobs_pb2.CreateRenderJobResponse(job=job)

    @rpc_method
    @with_room
    async def GetRenderJob(
        self, request: jobs_pb2.GetRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.GetRenderJobResponse:
        """The state of a job."""
        job = await asyncio.to_thread(self._jobs.get, request.id, scope=current_caller().scope)
        return jobs_pb2.GetRenderJobResponse(job=job)

    @rpc_method
    @with_room
    async def ListRenderJobs(
        self, request: jobs_pb2.ListRenderJobsRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.ListRenderJobsResponse:
        """The jobs that are not deleted yet, the newest first, a page at a time."""
        jobs, token = await asyncio.to_thread(self._jobs.page, request, scope=current_caller().scope)
        return jobs_pb2.ListRenderJobsResponse(jobs=jobs, next_page_token=token)

    @rpc_method
    @with_room
    async def CancelRenderJob(
        self, request: jobs_pb2.CancelRenderJobRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.CancelRenderJobResponse:
        """Stop a job before its next step."""
        job = await asyncio.to_thread(self._jobs.cancel, request.id, scope=current_caller().scope)
        return jobs_pb2.CancelRenderJobResponse(job=job)

    @rpc_method
    async def WatchRenderJob(self, request: jobs_pb2.WatchRenderJobRequest, context: grpc.aio.ServicerContext) -> None:
        """The progress of a job, item by item, until it has ended."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            with self._jobs.subscribed(self._loop_events.setter(changed)):
                await self._watch(request, context, changed)
        finally:
            self._watchers.discard(changed)

    async def _watch(
        self, request: jobs_pb2.WatchRenderJobRequest, context: grpc.aio.ServicerContext, changed: asyncio.Event
    ) -> None:
        after, scope = request.after_sequence, current_caller().scope
        whole = await self.replies.keep(context, REPLY_BYTES)
        job, items = await asyncio.to_thread(self._jobs.events_after, request.id, after, scope=scope)
        await context.send_initial_metadata(())  # a status can be sent after a message that is never read
        await self.replies.write(context, jobs_pb2.WatchRenderJobResponse(sequence=after, job=job))
        whole.release()
        while True:
            for sequence, item in items:
                after = sequence
                await self.replies.write(
                    context, jobs_pb2.WatchRenderJobResponse(sequence=after, job=_brief(job), item=item)
                )
            if not items and job.state not in OPEN:
                if after < job.sequence:
                    await self.replies.write(
                        context, jobs_pb2.WatchRenderJobResponse(sequence=job.sequence, job=_brief(job))
                    )
                return
            if not items:
                if self._draining:
                    raise Draining
                await changed.wait()
            changed.clear()
            job, items = await asyncio.to_thread(self._jobs.events_after, request.id, after, scope=scope)

    async def drain(self) -> None:
        """Refuse new jobs, end every watch with UNAVAILABLE, and stop working on jobs."""
        self._draining = True
        for changed in self._watchers:
            changed.set()
        await asyncio.to_thread(self._jobs.stop)


def _brief(job: jobs_pb2.RenderJob) -> jobs_pb2.RenderJob:
    """Return a job without the fields that its watcher knows from the first message."""
    brief = jobs_pb2.RenderJob()
    brief.CopyFrom(job)
    brief.ClearField("template")
    brief.ClearField("layers")
    return brief
