"""What is said to a server about jobs: requests, exchanges and answers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reverie_proto.v1 import jobs_pb2, spec_pb2

from reverie import objectives, spec
from reverie._exchange import Exchange, Pause, Read, Tell, patiently
from reverie._options import JobOptions, SpecOptions
from reverie._parsing import OUTCOMES
from reverie._requests import new_id
from reverie.errors import Details, InvalidRequest, Unavailable, Violation
from reverie.jobs import JobEvent, JobInfo, JobItem, JobLayer, JobState
from reverie.pictures import Outcome
from reverie.spec import Spec

STATES = {
    jobs_pb2.JobState.Value(f"JOB_STATE_{state.name}"): state for state in JobState if state is not JobState.UNKNOWN
}

# A watch that lost its server comes back so often in a row, after so many seconds.
WATCH_ATTEMPTS = 10
WATCH_PAUSE_S = 1.0

# Layers of a job: names, or names with the channels of each, None for all.
Layers = Sequence[str] | Mapping[str, Iterable[int] | None]


def create_request(model: str, layers: Layers, options: JobOptions) -> jobs_pb2.CreateRenderJobRequest:
    """The message that creates a job."""
    if unknown := options.keys() - JobOptions.__annotations__:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    common: dict[str, Any] = {name: value for name, value in options.items() if name in SpecOptions.__annotations__}
    # A spec cannot be without an objective, but a template is.
    template = spec.to_message(Spec(model, objectives.layer(""), **common))
    template.ClearField("objective")
    chosen = layers if isinstance(layers, Mapping) else dict.fromkeys([layers] if isinstance(layers, str) else layers)
    return jobs_pb2.CreateRenderJobRequest(
        template=template,
        layers=[
            jobs_pb2.JobLayer(layer=name, channels=() if channels is None else _ranges(name, channels))
            for name, channels in chosen.items()
        ],
        request_id=new_id(),
    )


def _ranges(layer: str, channels: Iterable[int]) -> list[jobs_pb2.ChannelRange]:
    """Channels as few ranges, in their order."""
    try:
        numbers = [operator.index(channel) for channel in channels]
        if not numbers:
            raise ValueError("no channel is named; give None for all of them")
        ranges = [jobs_pb2.ChannelRange(first=numbers[0], last=numbers[0])]
        for number in numbers[1:]:
            if number == ranges[-1].last + 1:
                ranges[-1].last = number
            else:
                ranges.append(jobs_pb2.ChannelRange(first=number, last=number))
    except (TypeError, ValueError, OverflowError) as error:
        violation = Violation("layers", f"{layer!r}: {error}")
        raise InvalidRequest("The request was not sent.", Details(violations=(violation,))) from None
    return ranges


# ----- exchanges -----


def create(request: jobs_pb2.CreateRenderJobRequest, timeout_s: float | None) -> Exchange[JobInfo]:
    """Create a job."""
    answer = yield from patiently("CreateRenderJob", request, timeout_s)
    return info(answer.job)


def get(job: str, timeout_s: float | None) -> Exchange[JobInfo]:
    """Ask how a job stands."""
    answer = yield from patiently("GetRenderJob", jobs_pb2.GetRenderJobRequest(id=job), timeout_s)
    return info(answer.job)


def cancel(job: str, timeout_s: float | None) -> Exchange[JobInfo]:
    """End a job."""
    answer = yield from patiently("CancelRenderJob", jobs_pb2.CancelRenderJobRequest(id=job), timeout_s)
    return info(answer.job)


def jobs(timeout_s: float | None) -> Exchange[tuple[JobInfo, ...]]:
    """Ask for all jobs, page by page."""
    found: list[JobInfo] = []
    token = ""
    while True:
        page = yield from patiently("ListRenderJobs", jobs_pb2.ListRenderJobsRequest(page_token=token), timeout_s)
        found += map(info, page.jobs)
        if not (token := page.next_page_token):
            return tuple(found)


def watch(job: str, after: int) -> Exchange[None]:
    """Tell the events of a job until it has ended; a server that goes away is waited for.

    The first response of each call only says how the job stands: it is told once.
    """
    attempts, told = 0, False
    while True:
        request = jobs_pb2.WatchRenderJobRequest(id=job, after_sequence=after)
        try:
            call, message = yield from patiently("WatchRenderJob", request, None, streams=True)
            first = True
            while message is not None:
                happened = event(message)
                after, attempts = max(after, happened.sequence), 0
                if not (first and told):
                    yield Tell(happened)
                first, told = False, True
                message = yield Read(call)
            return
        except Unavailable as error:
            attempts += 1
            if attempts > WATCH_ATTEMPTS:
                raise
            yield Pause(error.retry_after_s or WATCH_PAUSE_S)


# ----- answers -----


def info(message: jobs_pb2.RenderJob) -> JobInfo:
    """How a job stands."""
    return JobInfo(
        id=message.id,
        state=STATES.get(message.state, JobState.UNKNOWN),
        model=message.template.model,
        layers=tuple(
            JobLayer(each.layer, tuple((span.first, span.last) for span in each.channels)) for each in message.layers
        ),
        item_count=message.item_count,
        done_count=message.done_count,
        cached_count=message.cached_count,
        failed_count=message.failed_count,
        created_at=_time(message.created_at),
        ended_at=_time(message.ended_at) if message.HasField("ended_at") else None,
        sequence=message.sequence,
        detail=message.detail,
    )


def event(message: jobs_pb2.WatchRenderJobResponse) -> JobEvent:
    """One event of a job."""
    item = _item(message.item) if message.HasField("item") else None
    return JobEvent(message.sequence, info(message.job), item)


def _item(message: jobs_pb2.JobItem) -> JobItem:
    made: spec_pb2.RenderSpec | None = message.effective_spec if message.HasField("effective_spec") else None
    return JobItem(
        index=message.index,
        layer=message.layer,
        channel=message.channel,
        spec=None if made is None else spec.from_message(made),
        spec_digest=message.spec_digest,
        maker=message.maker,
        outcome=OUTCOMES.get(message.outcome, Outcome.UNKNOWN),
        activation=message.activation,
        cached=message.cached,
        error=message.error,
    )


def _time(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment
