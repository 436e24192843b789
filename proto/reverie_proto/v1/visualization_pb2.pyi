from reverie_proto.v1 import catalog_pb2 as _catalog_pb2
from reverie_proto.v1 import jobs_pb2 as _jobs_pb2
from reverie_proto.v1 import spec_pb2 as _spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]

class CacheMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CACHE_MODE_UNSPECIFIED: _ClassVar[CacheMode]
    CACHE_MODE_USE: _ClassVar[CacheMode]
    CACHE_MODE_BYPASS: _ClassVar[CacheMode]
    CACHE_MODE_ONLY: _ClassVar[CacheMode]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_INTERACTIVE: Priority
PRIORITY_BATCH: Priority
CACHE_MODE_UNSPECIFIED: CacheMode
CACHE_MODE_USE: CacheMode
CACHE_MODE_BYPASS: CacheMode
CACHE_MODE_ONLY: CacheMode

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: _catalog_pb2.ServerInfo
    def __init__(self, info: _Optional[_Union[_catalog_pb2.ServerInfo, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[_catalog_pb2.Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListLayersRequest(_message.Message):
    __slots__ = ("model", "page_size", "page_token")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model: str
    page_size: int
    page_token: str
    def __init__(self, model: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLayersResponse(_message.Message):
    __slots__ = ("layers", "next_page_token")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[_catalog_pb2.Layer]
    next_page_token: str
    def __init__(self, layers: _Optional[_Iterable[_Union[_catalog_pb2.Layer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RenderImageRequest(_message.Message):
    __slots__ = ("spec", "format", "frames", "priority", "request_id", "cache")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    spec: _spec_pb2.RenderSpec
    format: _spec_pb2.ImageFormat
    frames: _spec_pb2.FrameRequest
    priority: Priority
    request_id: str
    cache: CacheMode
    def __init__(self, spec: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., format: _Optional[_Union[_spec_pb2.ImageFormat, str]] = ..., frames: _Optional[_Union[_spec_pb2.FrameRequest, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ..., request_id: _Optional[str] = ..., cache: _Optional[_Union[CacheMode, str]] = ...) -> None: ...

class RenderImageResponse(_message.Message):
    __slots__ = ("rendering",)
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    rendering: _spec_pb2.Rendering
    def __init__(self, rendering: _Optional[_Union[_spec_pb2.Rendering, _Mapping]] = ...) -> None: ...

class StreamRenderRequest(_message.Message):
    __slots__ = ("spec", "format", "frames", "progress_every_steps", "priority", "request_id", "cache")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    spec: _spec_pb2.RenderSpec
    format: _spec_pb2.ImageFormat
    frames: _spec_pb2.FrameRequest
    progress_every_steps: int
    priority: Priority
    request_id: str
    cache: CacheMode
    def __init__(self, spec: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., format: _Optional[_Union[_spec_pb2.ImageFormat, str]] = ..., frames: _Optional[_Union[_spec_pb2.FrameRequest, _Mapping]] = ..., progress_every_steps: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., request_id: _Optional[str] = ..., cache: _Optional[_Union[CacheMode, str]] = ...) -> None: ...

class StreamRenderResponse(_message.Message):
    __slots__ = ("accepted", "progress", "result")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    accepted: Accepted
    progress: Progress
    result: _spec_pb2.Rendering
    def __init__(self, accepted: _Optional[_Union[Accepted, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[_spec_pb2.Rendering, _Mapping]] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("effective_spec", "spec_digest", "estimated_s", "queue_position", "cached")
    EFFECTIVE_SPEC_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_S_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    effective_spec: _spec_pb2.RenderSpec
    spec_digest: str
    estimated_s: float
    queue_position: int
    cached: bool
    def __init__(self, effective_spec: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ..., spec_digest: _Optional[str] = ..., estimated_s: _Optional[float] = ..., queue_position: _Optional[int] = ..., cached: bool = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("step", "steps", "objective", "elapsed_s", "estimated_remaining_s", "frame", "queue_position")
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    step: int
    steps: int
    objective: float
    elapsed_s: float
    estimated_remaining_s: float
    frame: _spec_pb2.Frame
    queue_position: int
    def __init__(self, step: _Optional[int] = ..., steps: _Optional[int] = ..., objective: _Optional[float] = ..., elapsed_s: _Optional[float] = ..., estimated_remaining_s: _Optional[float] = ..., frame: _Optional[_Union[_spec_pb2.Frame, _Mapping]] = ..., queue_position: _Optional[int] = ...) -> None: ...
