"""The requests, exchanges and responses of the job RPCs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from reverie_proto.names import check_options
from reverie_proto.options import FIELDS, Problem, SpecOptions, write
from reverie_proto.scalars import shown
from reverie_proto.v1 import jobs_pb2, spec_pb2

from reverie import spec
from reverie._exchange import Emit, Exchange, Pause, Read, with_retries
from reverie._options import JobOptions
from reverie._parsing import OUTCOMES
from reverie._requests import NOT_SENT, new_id, timeout_problems
from reverie.errors import Unavailable, refuse
from reverie.jobs import JobEvent, JobInfo, JobItem, JobLayer, JobState
from reverie.pictures import Outcome

STATES = {
    jobs_pb2.JobState.Value(f"JOB_STATE_{state.name}"): state for state in JobState if state is not JobState.UNKNOWN
}

# How often in a row a watch reconnects after losing its server, and how long it waits before each attempt.
WATCH_ATTEMPTS = 10
WATCH_PAUSE_S = 1.0

# Layers of a job: a list of names, or a mapping from names to channels; None stands for all channels.
Layers = Sequence[str] | Mapping[str, Iterable[int] | None]


def create_request(model: str, layers: Layers, options: JobOptions) -> jobs_pb2.CreateRenderJobRequest:
    """Build the message that creates a job; raise InvalidRequest with every value that cannot be sent."""
    check_options("create_job", options, JobOptions.__annotations__, positions=("model", "layers"))
    request = jobs_pb2.CreateRenderJobRequest(request_id=new_id())
    problems = write(request, "template.model", model)
    for name in SpecOptions.__annotations__:
        if name in options:
            field = FIELDS[name].removeprefix("spec.")
            problems += write(request.template, field, options[name], at="template.")  # type: ignore[literal-required]
    problems += _write_layers(request, layers)
    if "seeds" in options:
        problems += write(request, "seeds", options["seeds"])
    refuse(NOT_SENT, problems + timeout_problems(options))
    return request


def _write_layers(request: jobs_pb2.CreateRenderJobRequest, layers: object) -> list[Problem]:
    if isinstance(layers, str):
        layers = [layers]
    if isinstance(layers, bytes) or not isinstance(layers, Iterable):
        return [Problem("layers", f"{shown(layers)} is neither a list of names nor a mapping from names to channels")]
    problems = []
    chosen = layers.items() if isinstance(layers, Mapping) else ((name, None) for name in layers)
    for i, (name, channels) in enumerate(chosen):
        layer = request.layers.add()
        problems += write(layer, "layer", name, at=f"layers[{i}].")
        if channels is not None:
            problems += _write_ranges(layer, channels, at=f"layers[{i}].channels")
    return problems


def _write_ranges(layer: jobs_pb2.JobLayer, channels: object, *, at: str) -> list[Problem]:
    """Write channels in their order, with consecutive numbers joined to one range."""
    if isinstance(channels, str | bytes) or not isinstance(channels, Iterable):
        return [Problem(at, f"{shown(channels)} is not a list of channels, nor None for all of them")]
    problems = []
    for i, channel in enumerate(channels):
        span = jobs_pb2.ChannelRange()
        problems += write(span, "first", channel, at=f"{at}[{i}].")
        if layer.channels and span.first == layer.channels[-1].last + 1:
            layer.channels[-1].last = span.first
        else:
            layer.channels.add(first=span.first, last=span.first)
    if not layer.channels:
        problems.append(Problem(at, "no channel is named; give None for all of them"))
    return problems


# ----- exchanges -----

Request = TypeVar(
    "Request", jobs_pb2.GetRenderJobRequest, jobs_pb2.CancelRenderJobRequest, jobs_pb2.WatchRenderJobRequest
)


def _for_job(job: str, request: Request, **fields: int) -> Request:
    """Set the job's id and other fields of a request."""
    problems = [problem for name, value in {"id": job, **fields}.items() for problem in write(request, name, value)]
    refuse(NOT_SENT, problems)
    return request


def create(request: jobs_pb2.CreateRenderJobRequest, timeout_s: float | None) -> Exchange[JobInfo]:
    """Create a job."""
    answer = yield from with_retries("CreateRenderJob", request, timeout_s)
    return info(answer.job)


def get(job: str, timeout_s: float | None) -> Exchange[JobInfo]:
    """Get the state of a job."""
    answer = yield from with_retries("GetRenderJob", _for_job(job, jobs_pb2.GetRenderJobRequest()), timeout_s)
    return info(answer.job)


def cancel(job: str, timeout_s: float | None) -> Exchange[JobInfo]:
    """Stop a job."""
    answer = yield from with_retries("CancelRenderJob", _for_job(job, jobs_pb2.CancelRenderJobRequest()), timeout_s)
    return info(answer.job)


def jobs(timeout_s: float | None) -> Exchange[tuple[JobInfo, ...]]:
    """Get all jobs, page by page."""
    found: list[JobInfo] = []
    token = ""
    while True:
        page = yield from with_retries("ListRenderJobs", jobs_pb2.ListRenderJobsRequest(page_token=token), timeout_s)
        found += map(info, page.jobs)
        if not (token := page.next_page_token):
            return tuple(found)


def watch(job: str, after: int) -> Exchange[None]:
    """Emit the events of a job until it has ended; reconnect if the server goes away.

    The first response of every call only gives the job's state. It is emitted for the first call only.
    """
    attempts, emitted = 0, False
    while True:
        request = _for_job(job, jobs_pb2.WatchRenderJobRequest(), after_sequence=after)
        try:
            call, message = yield from with_retries("WatchRenderJob", request, None, streams=True)
            first = True
            while message is not None:
                happened = event(message)
                after, attempts = max(after, happened.sequence), 0
                if not (first and emitted):
                    yield Emit(happened)
                first, emitted = False, True
                message = yield Read(call)
            return
        except Unavailable as error:
            attempts += 1
            if attempts > WATCH_ATTEMPTS:
                raise
            yield Pause(error.retry_after_s or WATCH_PAUSE_S)


# ----- responses -----


def info(message: jobs_pb2.RenderJob) -> JobInfo:
    """Convert the state of a job."""
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
        seeds=tuple(message.seeds),
        owner=message.owner,
    )


def event(message: jobs_pb2.WatchRenderJobResponse) -> JobEvent:
    """Convert one event of a job."""
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
        seed=message.seed,
    )


def _time(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment
