from reverie_proto.v1 import size_pb2 as _size_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Parametrization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARAMETRIZATION_UNSPECIFIED: _ClassVar[Parametrization]
    PARAMETRIZATION_FOURIER: _ClassVar[Parametrization]
    PARAMETRIZATION_PIXEL: _ClassVar[Parametrization]

class Transforms(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFORMS_UNSPECIFIED: _ClassVar[Transforms]
    TRANSFORMS_NONE: _ClassVar[Transforms]
    TRANSFORMS_LUCID: _ClassVar[Transforms]

class Schedule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCHEDULE_UNSPECIFIED: _ClassVar[Schedule]
    SCHEDULE_CONSTANT: _ClassVar[Schedule]
    SCHEDULE_ONE_CYCLE: _ClassVar[Schedule]

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
PARAMETRIZATION_UNSPECIFIED: Parametrization
PARAMETRIZATION_FOURIER: Parametrization
PARAMETRIZATION_PIXEL: Parametrization
TRANSFORMS_UNSPECIFIED: Transforms
TRANSFORMS_NONE: Transforms
TRANSFORMS_LUCID: Transforms
SCHEDULE_UNSPECIFIED: Schedule
SCHEDULE_CONSTANT: Schedule
SCHEDULE_ONE_CYCLE: Schedule
IMAGE_FORMAT_UNSPECIFIED: ImageFormat
IMAGE_FORMAT_PNG: ImageFormat
IMAGE_FORMAT_WEBP: ImageFormat
IMAGE_FORMAT_JPEG: ImageFormat
IMAGE_FORMAT_RAW: ImageFormat
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CONVERGED: Outcome
OUTCOME_DEAD_UNIT: Outcome
OUTCOME_NON_FINITE: Outcome

class RenderSpec(_message.Message):
    __slots__ = ("model", "model_digest", "objective", "size", "steps", "learning_rate", "seed", "preset", "parametrization", "transforms", "schedule")
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
    model: str
    model_digest: str
    objective: Objective
    size: _size_pb2.Size
    steps: int
    learning_rate: float
    seed: int
    preset: str
    parametrization: Parametrization
    transforms: Transforms
    schedule: Schedule
    def __init__(self, model: _Optional[str] = ..., model_digest: _Optional[str] = ..., objective: _Optional[_Union[Objective, _Mapping]] = ..., size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., steps: _Optional[int] = ..., learning_rate: _Optional[float] = ..., seed: _Optional[int] = ..., preset: _Optional[str] = ..., parametrization: _Optional[_Union[Parametrization, str]] = ..., transforms: _Optional[_Union[Transforms, str]] = ..., schedule: _Optional[_Union[Schedule, str]] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("channel", "neuron", "layer", "direction", "logit", "sum")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    NEURON_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LOGIT_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    channel: ChannelObjective
    neuron: NeuronObjective
    layer: LayerObjective
    direction: DirectionObjective
    logit: LogitObjective
    sum: SumObjective
    def __init__(self, channel: _Optional[_Union[ChannelObjective, _Mapping]] = ..., neuron: _Optional[_Union[NeuronObjective, _Mapping]] = ..., layer: _Optional[_Union[LayerObjective, _Mapping]] = ..., direction: _Optional[_Union[DirectionObjective, _Mapping]] = ..., logit: _Optional[_Union[LogitObjective, _Mapping]] = ..., sum: _Optional[_Union[SumObjective, _Mapping]] = ...) -> None: ...

class ChannelObjective(_message.Message):
    __slots__ = ("layer", "channel")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    layer: str
    channel: int
    def __init__(self, layer: _Optional[str] = ..., channel: _Optional[int] = ...) -> None: ...

class NeuronObjective(_message.Message):
    __slots__ = ("layer", "channel", "y", "x")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    layer: str
    channel: int
    y: int
    x: int
    def __init__(self, layer: _Optional[str] = ..., channel: _Optional[int] = ..., y: _Optional[int] = ..., x: _Optional[int] = ...) -> None: ...

class LayerObjective(_message.Message):
    __slots__ = ("layer",)
    LAYER_FIELD_NUMBER: _ClassVar[int]
    layer: str
    def __init__(self, layer: _Optional[str] = ...) -> None: ...

class DirectionObjective(_message.Message):
    __slots__ = ("layer", "vector", "cosine_power")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    COSINE_POWER_FIELD_NUMBER: _ClassVar[int]
    layer: str
    vector: _containers.RepeatedScalarFieldContainer[float]
    cosine_power: float
    def __init__(self, layer: _Optional[str] = ..., vector: _Optional[_Iterable[float]] = ..., cosine_power: _Optional[float] = ...) -> None: ...

class LogitObjective(_message.Message):
    __slots__ = ("layer", "index", "label")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    layer: str
    index: int
    label: str
    def __init__(self, layer: _Optional[str] = ..., index: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class SumObjective(_message.Message):
    __slots__ = ("terms",)
    TERMS_FIELD_NUMBER: _ClassVar[int]
    terms: _containers.RepeatedCompositeFieldContainer[WeightedObjective]
    def __init__(self, terms: _Optional[_Iterable[_Union[WeightedObjective, _Mapping]]] = ...) -> None: ...

class WeightedObjective(_message.Message):
    __slots__ = ("objective", "weight")
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    objective: Objective
    weight: float
    def __init__(self, objective: _Optional[_Union[Objective, _Mapping]] = ..., weight: _Optional[float] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("format", "width_px", "height_px", "data")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    format: ImageFormat
    width_px: int
    height_px: int
    data: bytes
    def __init__(self, format: _Optional[_Union[ImageFormat, str]] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("step", "image")
    STEP_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    step: int
    image: Image
    def __init__(self, step: _Optional[int] = ..., image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class Rendering(_message.Message):
    __slots__ = ("image", "outcome", "outcome_detail", "activation", "history", "steps", "effective_spec", "spec_digest", "frames", "elapsed_s", "cached", "maker")
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
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., outcome_detail: _Optional[str] = ..., activation: _Optional[float] = ..., history: _Optional[_Iterable[float]] = ..., steps: _Optional[int] = ..., effective_spec: _Optional[_Union[RenderSpec, _Mapping]] = ..., spec_digest: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., elapsed_s: _Optional[float] = ..., cached: bool = ..., maker: _Optional[str] = ...) -> None: ...

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
