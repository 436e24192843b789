from reverie_proto.v1 import size_pb2 as _size_pb2
from reverie_proto.v1 import spec_pb2 as _spec_pb2
from reverie_proto.v1 import transform_pb2 as _transform_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServerInfo(_message.Message):
    __slots__ = ("version", "onnxruntime_version", "providers", "device_class", "presets", "limits", "maker", "transform_sets")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ONNXRUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    PRESETS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAKER_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_SETS_FIELD_NUMBER: _ClassVar[int]
    version: str
    onnxruntime_version: str
    providers: _containers.RepeatedScalarFieldContainer[str]
    device_class: str
    presets: _containers.RepeatedCompositeFieldContainer[Preset]
    limits: Limits
    maker: str
    transform_sets: _containers.RepeatedCompositeFieldContainer[TransformSet]
    def __init__(self, version: _Optional[str] = ..., onnxruntime_version: _Optional[str] = ..., providers: _Optional[_Iterable[str]] = ..., device_class: _Optional[str] = ..., presets: _Optional[_Iterable[_Union[Preset, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., maker: _Optional[str] = ..., transform_sets: _Optional[_Iterable[_Union[TransformSet, _Mapping]]] = ...) -> None: ...

class Preset(_message.Message):
    __slots__ = ("name", "description", "steps", "spec")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    steps: int
    spec: _spec_pb2.RenderSpec
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., steps: _Optional[int] = ..., spec: _Optional[_Union[_spec_pb2.RenderSpec, _Mapping]] = ...) -> None: ...

class TransformSet(_message.Message):
    __slots__ = ("name", "description", "steps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    steps: _containers.RepeatedCompositeFieldContainer[_transform_pb2.Transform]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[_transform_pb2.Transform, _Mapping]]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("min_size_px", "max_size_px", "max_steps", "max_frames", "max_terms", "max_response_bytes", "max_pixel_steps", "max_batch", "max_waiting_renders", "program_memory_mb", "max_job_items", "max_open_jobs", "max_ended_jobs", "max_request_bytes", "max_views", "max_pictures", "max_network_pictures", "max_best_of", "max_transforms", "max_penalties", "max_numbers")
    MIN_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAMES_FIELD_NUMBER: _ClassVar[int]
    MAX_TERMS_FIELD_NUMBER: _ClassVar[int]
    MAX_RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PIXEL_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_RENDERS_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    MAX_JOB_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENDED_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_VIEWS_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURES_FIELD_NUMBER: _ClassVar[int]
    MAX_NETWORK_PICTURES_FIELD_NUMBER: _ClassVar[int]
    MAX_BEST_OF_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    MAX_PENALTIES_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    min_size_px: int
    max_size_px: int
    max_steps: int
    max_frames: int
    max_terms: int
    max_response_bytes: int
    max_pixel_steps: int
    max_batch: int
    max_waiting_renders: int
    program_memory_mb: int
    max_job_items: int
    max_open_jobs: int
    max_ended_jobs: int
    max_request_bytes: int
    max_views: int
    max_pictures: int
    max_network_pictures: int
    max_best_of: int
    max_transforms: int
    max_penalties: int
    max_numbers: int
    def __init__(self, min_size_px: _Optional[int] = ..., max_size_px: _Optional[int] = ..., max_steps: _Optional[int] = ..., max_frames: _Optional[int] = ..., max_terms: _Optional[int] = ..., max_response_bytes: _Optional[int] = ..., max_pixel_steps: _Optional[int] = ..., max_batch: _Optional[int] = ..., max_waiting_renders: _Optional[int] = ..., program_memory_mb: _Optional[int] = ..., max_job_items: _Optional[int] = ..., max_open_jobs: _Optional[int] = ..., max_ended_jobs: _Optional[int] = ..., max_request_bytes: _Optional[int] = ..., max_views: _Optional[int] = ..., max_pictures: _Optional[int] = ..., max_network_pictures: _Optional[int] = ..., max_best_of: _Optional[int] = ..., max_transforms: _Optional[int] = ..., max_penalties: _Optional[int] = ..., max_numbers: _Optional[int] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "digest", "description", "layer_count", "labels", "native_size", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LAYER_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NATIVE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    description: str
    layer_count: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    native_size: _size_pb2.Size
    problem: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., description: _Optional[str] = ..., layer_count: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., native_size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., problem: _Optional[str] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ("name", "aliases", "operator", "channels", "spatial", "stride", "receptive_field", "min_size", "size_multiple", "fixed_size", "recommended", "kind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    SPATIAL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    RECEPTIVE_FIELD_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    SIZE_MULTIPLE_FIELD_NUMBER: _ClassVar[int]
    FIXED_SIZE_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    operator: str
    channels: int
    spatial: bool
    stride: _size_pb2.Size
    receptive_field: _size_pb2.Size
    min_size: _size_pb2.Size
    size_multiple: _size_pb2.Size
    fixed_size: _size_pb2.Size
    recommended: bool
    kind: str
    def __init__(self, name: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., operator: _Optional[str] = ..., channels: _Optional[int] = ..., spatial: bool = ..., stride: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., receptive_field: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., min_size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., size_multiple: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., fixed_size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., recommended: bool = ..., kind: _Optional[str] = ...) -> None: ...
