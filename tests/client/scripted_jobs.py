"""The job RPCs of the scripted server."""
# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from reverie_proto.v1 import jobs_pb2, spec_pb2

from tests.client.faults import Fault, refuse
from tests.sizes import square


@dataclass
class JobScript:
    """A service with one job of four pictures, the third of which fails.

    ``breaks`` are numbers of pictures after which a watch is interrupted, each once.
    """

    requests: list[Any] = field(default_factory=list)
    breaks: dict[int, Fault] = field(default_factory=dict)
    job_state: jobs_pb2.JobState = jobs_pb2.JOB_STATE_FAILED
    job_detail: str = ""

    def CreateRenderJob(
        self, request: jobs_pb2.CreateRenderJobRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.CreateRenderJobResponse:
        self._enter(request, context)
        return jobs_pb2.CreateRenderJobResponse(job=self._job(0))

    def GetRenderJob(
        self, request: jobs_pb2.GetRenderJobRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.GetRenderJobResponse:
        self._enter(request, context)
        return jobs_pb2.GetRenderJobResponse(job=self._job(5))

    def ListRenderJobs(
        self, request: jobs_pb2.ListRenderJobsRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.ListRenderJobsResponse:
        self._enter(request, context)
        last = request.page_token == "1"
        return jobs_pb2.ListRenderJobsResponse(jobs=[self._job(5 if last else 2)], next_page_token="" if last else "1")

    def CancelRenderJob(
        self, request: jobs_pb2.CancelRenderJobRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.CancelRenderJobResponse:
        self._enter(request, context)
        self.job_state = jobs_pb2.JOB_STATE_CANCELLED
        return jobs_pb2.CancelRenderJobResponse(job=self._job(5))

    def WatchRenderJob(
        self, request: jobs_pb2.WatchRenderJobRequest, context: grpc.ServicerContext
    ) -> Iterator[jobs_pb2.WatchRenderJobResponse]:
        self._enter(request, context)
        after = request.after_sequence
        yield jobs_pb2.WatchRenderJobResponse(sequence=after, job=self._job(after))
        for sequence in range(after + 1, 5):
            if fault := self.breaks.pop(sequence - 1, None):
                refuse(context, fault)
            yield jobs_pb2.WatchRenderJobResponse(sequence=sequence, job=self._brief(sequence), item=item(sequence))
        if after < 5:
            yield jobs_pb2.WatchRenderJobResponse(sequence=5, job=self._brief(5))

    def _enter(self, request: Message, context: grpc.ServicerContext) -> None:
        raise NotImplementedError

    def _job(self, sequence: int) -> jobs_pb2.RenderJob:
        job = self._brief(sequence)
        job.template.MergeFrom(spec_pb2.RenderSpec(model="tiny", steps=5))
        job.layers.add(layer="conv1_1", channels=[jobs_pb2.ChannelRange(first=0, last=2)])
        job.layers.add(layer="relu1_1", channels=[jobs_pb2.ChannelRange(first=7, last=7)])
        return job

    def _brief(self, sequence: int) -> jobs_pb2.RenderJob:
        failed = int(sequence >= 3)
        job = jobs_pb2.RenderJob(
            id="job-1",
            owner="key:1f",
            item_count=4,
            created_at=Timestamp(seconds=1_700_000_000),
            sequence=sequence,
            done_count=min(sequence, 4) - failed,
            cached_count=1,
            failed_count=failed,
        )
        job.state = self.job_state if sequence == 5 else jobs_pb2.JOB_STATE_RUNNING
        job.detail = self.job_detail
        if sequence == 5:
            job.ended_at.FromSeconds(1_700_000_060)
        return job


def item(sequence: int) -> jobs_pb2.JobItem:
    """Return the item of an event; the third one fails."""
    index = sequence - 1
    layer, channel = [("conv1_1", 0), ("conv1_1", 1), ("conv1_1", 2), ("relu1_1", 7)][index]
    if sequence == 3:
        return jobs_pb2.JobItem(index=index, layer=layer, channel=channel, error="No such model any more.")
    spec = spec_pb2.RenderSpec(model="tiny", steps=5, size=square(16))
    spec.objective.channel.layer, spec.objective.channel.channel = layer, channel
    return jobs_pb2.JobItem(
        index=index,
        layer=layer,
        channel=channel,
        effective_spec=spec,
        spec_digest=f"{sequence:064x}",
        maker="cpu-avx2-x",
        outcome=spec_pb2.OUTCOME_CONVERGED,
        activation=sequence / 2,
        cached=sequence == 1,
    )
