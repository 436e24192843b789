from reverie_proto.v1 import objective_pb2 as _objective_pb2
from reverie_proto.v1 import optimizer_pb2 as _optimizer_pb2
from reverie_proto.v1 import parametrization_pb2 as _parametrization_pb2
from reverie_proto.v1 import size_pb2 as _size_pb2
from reverie_proto.v1 import transform_pb2 as _transform_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImageFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMAGE_FORMAT_UNSPECIFIED: _ClassVar[ImageFormat]
    IMAGE_FORMAT_PNG: _ClassVar[ImageFormat]
    IMAGE_FORMAT_WEBP: _ClassVar[ImageFormat]
    IMAGE_FORMAT_JPEG: _ClassVar[ImageFormat]
    IMAGE_FORMAT_RAW: _ClassVar[ImageFormat]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_CONVERGED: _ClassVar[Outcome]
    OUTCOME_DEAD_UNIT: _ClassVar[Outcome]
    OUTCOME_NON_FINITE: _ClassVar[Outcome]
    OUTCOME_REACHED: _ClassVar[Outcome]
IMAGE_FORMAT_UNSPECIFIED: ImageFormat
IMAGE_FORMAT_PNG: ImageFormat
IMAGE_FORMAT_WEBP: ImageFormat
IMAGE_FORMAT_JPEG: ImageFormat
IMAGE_FORMAT_RAW: ImageFormat
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CONVERGED: Outcome
OUTCOME_DEAD_UNIT: Outcome
OUTCOME_NON_FINITE: Outcome
OUTCOME_REACHED: Outcome

class RenderSpec(_message.Message):
    __slots__ = ("model", "model_digest", "objective", "size", "steps", "learning_rate", "seed", "preset", "parametrization", "transforms", "schedule", "optimizer", "views", "view_size", "penalties", "pictures", "best_of", "stop_at", "importance", "robustness", "alpha")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    PARAMETRIZATION_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    VIEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    PENALTIES_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    BEST_OF_FIELD_NUMBER: _ClassVar[int]
    STOP_AT_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    ROBUSTNESS_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_digest: str
    objective: _objective_pb2.Objective
    size: _size_pb2.Size
    steps: int
    learning_rate: float
    seed: int
    preset: str
    parametrization: _parametrization_pb2.Parametrization
    transforms: _transform_pb2.Transforms
    schedule: _optimizer_pb2.Schedule
    optimizer: _optimizer_pb2.Optimizer
    views: int
    view_size: _size_pb2.Size
    penalties: _containers.RepeatedCompositeFieldContainer[_optimizer_pb2.Penalty]
    pictures: int
    best_of: int
    stop_at: float
    importance: bool
    robustness: bool
    alpha: bool
    def __init__(self, model: _Optional[str] = ..., model_digest: _Optional[str] = ..., objective: _Optional[_Union[_objective_pb2.Objective, _Mapping]] = ..., size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., steps: _Optional[int] = ..., learning_rate: _Optional[float] = ..., seed: _Optional[int] = ..., preset: _Optional[str] = ..., parametrization: _Optional[_Union[_parametrization_pb2.Parametrization, _Mapping]] = ..., transforms: _Optional[_Union[_transform_pb2.Transforms, _Mapping]] = ..., schedule: _Optional[_Union[_optimizer_pb2.Schedule, _Mapping]] = ..., optimizer: _Optional[_Union[_optimizer_pb2.Optimizer, _Mapping]] = ..., views: _Optional[int] = ..., view_size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., penalties: _Optional[_Iterable[_Union[_optimizer_pb2.Penalty, _Mapping]]] = ..., pictures: _Optional[int] = ..., best_of: _Optional[int] = ..., stop_at: _Optional[float] = ..., importance: bool = ..., robustness: bool = ..., alpha: bool = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("format", "width_px", "height_px", "data", "alpha")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    format: ImageFormat
    width_px: int
    height_px: int
    data: bytes
    alpha: bool
    def __init__(self, format: _Optional[_Union[ImageFormat, str]] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., data: _Optional[bytes] = ..., alpha: bool = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("step", "image")
    STEP_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    step: int
    image: Image
    def __init__(self, step: _Optional[int] = ..., image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class Rendering(_message.Message):
    __slots__ = ("image", "outcome", "outcome_detail", "activation", "history", "steps", "effective_spec", "spec_digest", "frames", "elapsed_s", "cached", "maker", "images", "importance", "robustness", "seed")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_DETAIL_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_SPEC_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    MAKER_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    ROBUSTNESS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    image: Image
    outcome: Outcome
    outcome_detail: str
    activation: float
    history: _containers.RepeatedScalarFieldContainer[float]
    steps: int
    effective_spec: RenderSpec
    spec_digest: str
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    elapsed_s: float
    cached: bool
    maker: str
    images: _containers.RepeatedCompositeFieldContainer[Image]
    importance: Image
    robustness: float
    seed: int
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., outcome_detail: _Optional[str] = ..., activation: _Optional[float] = ..., history: _Optional[_Iterable[float]] = ..., steps: _Optional[int] = ..., effective_spec: _Optional[_Union[RenderSpec, _Mapping]] = ..., spec_digest: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., elapsed_s: _Optional[float] = ..., cached: bool = ..., maker: _Optional[str] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., importance: _Optional[_Union[Image, _Mapping]] = ..., robustness: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class FrameRequest(_message.Message):
    __slots__ = ("every_steps", "steps", "max_size_px", "format")
    EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    every_steps: int
    steps: _containers.RepeatedScalarFieldContainer[int]
    max_size_px: int
    format: ImageFormat
    def __init__(self, every_steps: _Optional[int] = ..., steps: _Optional[_Iterable[int]] = ..., max_size_px: _Optional[int] = ..., format: _Optional[_Union[ImageFormat, str]] = ...) -> None: ...
