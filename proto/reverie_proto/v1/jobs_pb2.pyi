from google.protobuf import timestamp_pb2 as _timestamp_pb2
from reverie_proto.v1 import spec_pb2 as _spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState

class RenderJob(_message.Message):
    __slots__ = ("id", "state", "template", "layers", "item_count", "done_count", "cached_count", "failed_count", "created_at", "ended_at", "sequence", "detail", "owner", "seeds")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: JobState
    template: _spec_pb2.RenderSpec
    layers: _containers.RepeatedCompositeFieldContainer[JobLayer]
    item_count: int
    done_count: int
    cached_count: int
    failed_count: int
    created_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    sequence: int
    detail: str
    owner: str
    seeds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., template: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., layers: _Optional[_Iterable[_Union[JobLayer, _Mapping]]] = ..., item_count: _Optional[int] = ..., done_count: _Optional[int] = ..., cached_count: _Optional[int] = ..., failed_count: _Optional[int] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., sequence: _Optional[int] = ..., detail: _Optional[str] = ..., owner: _Optional[str] = ..., seeds: _Optional[_Iterable[int]] = ...) -> None: ...

class JobLayer(_message.Message):
    __slots__ = ("layer", "channels")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    layer: str
    channels: _containers.RepeatedCompositeFieldContainer[ChannelRange]
    def __init__(self, layer: _Optional[str] = ..., channels: _Optional[_Iterable[_Union[ChannelRange, _Mapping]]] = ...) -> None: ...

class ChannelRange(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class JobItem(_message.Message):
    __slots__ = ("index", "layer", "channel", "effective_spec", "spec_digest", "outcome", "activation", "cached", "error", "maker", "seed")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_SPEC_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MAKER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    index: int
    layer: str
    channel: int
    effective_spec: _spec_pb2.RenderSpec
    spec_digest: str
    outcome: _spec_pb2.Outcome
    activation: float
    cached: bool
    error: str
    maker: str
    seed: int
    def __init__(self, index: _Optional[int] = ..., layer: _Optional[str] = ..., channel: _Optional[int] = ..., effective_spec: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., spec_digest: _Optional[str] = ..., outcome: _Optional[_Union[_spec_pb2.Outcome, str]] = ..., activation: _Optional[float] = ..., cached: bool = ..., error: _Optional[str] = ..., maker: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class CreateRenderJobRequest(_message.Message):
    __slots__ = ("template", "layers", "request_id", "seeds")
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    template: _spec_pb2.RenderSpec
    layers: _containers.RepeatedCompositeFieldContainer[JobLayer]
    request_id: str
    seeds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, template: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., layers: _Optional[_Iterable[_Union[JobLayer, _Mapping]]] = ..., request_id: _Optional[str] = ..., seeds: _Optional[_Iterable[int]] = ...) -> None: ...

class CreateRenderJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: RenderJob
    def __init__(self, job: _Optional[_Union[RenderJob, _Mapping]] = ...) -> None: ...

class GetRenderJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetRenderJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: RenderJob
    def __init__(self, job: _Optional[_Union[RenderJob, _Mapping]] = ...) -> None: ...

class ListRenderJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRenderJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[RenderJob]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[RenderJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelRenderJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelRenderJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: RenderJob
    def __init__(self, job: _Optional[_Union[RenderJob, _Mapping]] = ...) -> None: ...

class WatchRenderJobRequest(_message.Message):
    __slots__ = ("id", "after_sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchRenderJobResponse(_message.Message):
    __slots__ = ("sequence", "job", "item")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    job: RenderJob
    item: JobItem
    def __init__(self, sequence: _Optional[int] = ..., job: _Optional[_Union[RenderJob, _Mapping]] = ..., item: _Optional[_Union[JobItem, _Mapping]] = ...) -> None: ...
