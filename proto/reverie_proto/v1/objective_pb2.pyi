from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Similarity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIMILARITY_UNSPECIFIED: _ClassVar[Similarity]
    SIMILARITY_L2: _ClassVar[Similarity]
    SIMILARITY_COSINE: _ClassVar[Similarity]
    SIMILARITY_DOT_COSINE: _ClassVar[Similarity]

class DiversityForm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIVERSITY_FORM_UNSPECIFIED: _ClassVar[DiversityForm]
    DIVERSITY_FORM_LUCID: _ClassVar[DiversityForm]
    DIVERSITY_FORM_LUCENT: _ClassVar[DiversityForm]
SIMILARITY_UNSPECIFIED: Similarity
SIMILARITY_L2: Similarity
SIMILARITY_COSINE: Similarity
SIMILARITY_DOT_COSINE: Similarity
DIVERSITY_FORM_UNSPECIFIED: DiversityForm
DIVERSITY_FORM_LUCID: DiversityForm
DIVERSITY_FORM_LUCENT: DiversityForm

class Objective(_message.Message):
    __slots__ = ("channel", "neuron", "layer", "direction", "logit", "sum", "cosine", "match", "probability", "cross_entropy", "divergence", "product", "interpolation", "diversity", "alignment", "region")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    NEURON_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LOGIT_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    COSINE_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    CROSS_ENTROPY_FIELD_NUMBER: _ClassVar[int]
    DIVERGENCE_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATION_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    channel: ChannelObjective
    neuron: NeuronObjective
    layer: LayerObjective
    direction: DirectionObjective
    logit: LogitObjective
    sum: SumObjective
    cosine: CosineObjective
    match: MatchObjective
    probability: ProbabilityObjective
    cross_entropy: CrossEntropyObjective
    divergence: DivergenceObjective
    product: ProductObjective
    interpolation: InterpolationObjective
    diversity: DiversityObjective
    alignment: AlignmentObjective
    region: Region
    def __init__(self, channel: _Optional[_Union[ChannelObjective, _Mapping]] = ..., neuron: _Optional[_Union[NeuronObjective, _Mapping]] = ..., layer: _Optional[_Union[LayerObjective, _Mapping]] = ..., direction: _Optional[_Union[DirectionObjective, _Mapping]] = ..., logit: _Optional[_Union[LogitObjective, _Mapping]] = ..., sum: _Optional[_Union[SumObjective, _Mapping]] = ..., cosine: _Optional[_Union[CosineObjective, _Mapping]] = ..., match: _Optional[_Union[MatchObjective, _Mapping]] = ..., probability: _Optional[_Union[ProbabilityObjective, _Mapping]] = ..., cross_entropy: _Optional[_Union[CrossEntropyObjective, _Mapping]] = ..., divergence: _Optional[_Union[DivergenceObjective, _Mapping]] = ..., product: _Optional[_Union[ProductObjective, _Mapping]] = ..., interpolation: _Optional[_Union[InterpolationObjective, _Mapping]] = ..., diversity: _Optional[_Union[DiversityObjective, _Mapping]] = ..., alignment: _Optional[_Union[AlignmentObjective, _Mapping]] = ..., region: _Optional[_Union[Region, _Mapping]] = ...) -> None: ...

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

class CosineObjective(_message.Message):
    __slots__ = ("layer", "vector")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    layer: str
    vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, layer: _Optional[str] = ..., vector: _Optional[_Iterable[float]] = ...) -> None: ...

class MatchObjective(_message.Message):
    __slots__ = ("layer", "activation", "similarity", "cosine_power")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    COSINE_POWER_FIELD_NUMBER: _ClassVar[int]
    layer: str
    activation: _containers.RepeatedScalarFieldContainer[float]
    similarity: Similarity
    cosine_power: float
    def __init__(self, layer: _Optional[str] = ..., activation: _Optional[_Iterable[float]] = ..., similarity: _Optional[_Union[Similarity, str]] = ..., cosine_power: _Optional[float] = ...) -> None: ...

class ProbabilityObjective(_message.Message):
    __slots__ = ("layer", "index", "label")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    layer: str
    index: int
    label: str
    def __init__(self, layer: _Optional[str] = ..., index: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class CrossEntropyObjective(_message.Message):
    __slots__ = ("layer", "index", "label")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    layer: str
    index: int
    label: str
    def __init__(self, layer: _Optional[str] = ..., index: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class DivergenceObjective(_message.Message):
    __slots__ = ("layer", "probabilities")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    layer: str
    probabilities: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, layer: _Optional[str] = ..., probabilities: _Optional[_Iterable[float]] = ...) -> None: ...

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

class ProductObjective(_message.Message):
    __slots__ = ("factors",)
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    factors: _containers.RepeatedCompositeFieldContainer[Objective]
    def __init__(self, factors: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ...) -> None: ...

class InterpolationObjective(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: Objective
    def __init__(self, to: _Optional[_Union[Objective, _Mapping]] = ..., **kwargs) -> None: ...

class DiversityObjective(_message.Message):
    __slots__ = ("layer", "form")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    layer: str
    form: DiversityForm
    def __init__(self, layer: _Optional[str] = ..., form: _Optional[_Union[DiversityForm, str]] = ...) -> None: ...

class AlignmentObjective(_message.Message):
    __slots__ = ("layer", "decay")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DECAY_FIELD_NUMBER: _ClassVar[int]
    layer: str
    decay: float
    def __init__(self, layer: _Optional[str] = ..., decay: _Optional[float] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("box", "mask")
    BOX_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    box: Box
    mask: Mask
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., mask: _Optional[_Union[Mask, _Mapping]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("top", "left", "bottom", "right")
    TOP_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    top: float
    left: float
    bottom: float
    right: float
    def __init__(self, top: _Optional[float] = ..., left: _Optional[float] = ..., bottom: _Optional[float] = ..., right: _Optional[float] = ...) -> None: ...

class Mask(_message.Message):
    __slots__ = ("height", "width", "weights")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    weights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., weights: _Optional[_Iterable[float]] = ...) -> None: ...
