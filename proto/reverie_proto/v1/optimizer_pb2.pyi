from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EpsilonPlace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EPSILON_PLACE_UNSPECIFIED: _ClassVar[EpsilonPlace]
    EPSILON_PLACE_BEFORE_CORRECTION: _ClassVar[EpsilonPlace]
    EPSILON_PLACE_AFTER_CORRECTION: _ClassVar[EpsilonPlace]

class Normalization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORMALIZATION_UNSPECIFIED: _ClassVar[Normalization]
    NORMALIZATION_NONE: _ClassVar[Normalization]
    NORMALIZATION_MEAN_ABSOLUTE: _ClassVar[Normalization]
    NORMALIZATION_DEVIATION: _ClassVar[Normalization]

class PenaltyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PENALTY_KIND_UNSPECIFIED: _ClassVar[PenaltyKind]
    PENALTY_KIND_L1: _ClassVar[PenaltyKind]
    PENALTY_KIND_L2: _ClassVar[PenaltyKind]
    PENALTY_KIND_L_INFINITY: _ClassVar[PenaltyKind]
    PENALTY_KIND_TV: _ClassVar[PenaltyKind]
    PENALTY_KIND_TV_MEAN: _ClassVar[PenaltyKind]
    PENALTY_KIND_TV_FOUR_NORM: _ClassVar[PenaltyKind]
    PENALTY_KIND_TV_FOUR_NORM_MEAN: _ClassVar[PenaltyKind]
    PENALTY_KIND_BLUR: _ClassVar[PenaltyKind]
    PENALTY_KIND_SPECTRAL: _ClassVar[PenaltyKind]
EPSILON_PLACE_UNSPECIFIED: EpsilonPlace
EPSILON_PLACE_BEFORE_CORRECTION: EpsilonPlace
EPSILON_PLACE_AFTER_CORRECTION: EpsilonPlace
NORMALIZATION_UNSPECIFIED: Normalization
NORMALIZATION_NONE: Normalization
NORMALIZATION_MEAN_ABSOLUTE: Normalization
NORMALIZATION_DEVIATION: Normalization
PENALTY_KIND_UNSPECIFIED: PenaltyKind
PENALTY_KIND_L1: PenaltyKind
PENALTY_KIND_L2: PenaltyKind
PENALTY_KIND_L_INFINITY: PenaltyKind
PENALTY_KIND_TV: PenaltyKind
PENALTY_KIND_TV_MEAN: PenaltyKind
PENALTY_KIND_TV_FOUR_NORM: PenaltyKind
PENALTY_KIND_TV_FOUR_NORM_MEAN: PenaltyKind
PENALTY_KIND_BLUR: PenaltyKind
PENALTY_KIND_SPECTRAL: PenaltyKind

class Optimizer(_message.Message):
    __slots__ = ("adam", "nadam", "sgd")
    ADAM_FIELD_NUMBER: _ClassVar[int]
    NADAM_FIELD_NUMBER: _ClassVar[int]
    SGD_FIELD_NUMBER: _ClassVar[int]
    adam: AdamOptimizer
    nadam: NadamOptimizer
    sgd: SgdOptimizer
    def __init__(self, adam: _Optional[_Union[AdamOptimizer, _Mapping]] = ..., nadam: _Optional[_Union[NadamOptimizer, _Mapping]] = ..., sgd: _Optional[_Union[SgdOptimizer, _Mapping]] = ...) -> None: ...

class AdamOptimizer(_message.Message):
    __slots__ = ("beta1", "beta2", "epsilon", "epsilon_place", "weight_decay", "clip_norm")
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    EPSILON_PLACE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    CLIP_NORM_FIELD_NUMBER: _ClassVar[int]
    beta1: float
    beta2: float
    epsilon: float
    epsilon_place: EpsilonPlace
    weight_decay: float
    clip_norm: float
    def __init__(self, beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., epsilon: _Optional[float] = ..., epsilon_place: _Optional[_Union[EpsilonPlace, str]] = ..., weight_decay: _Optional[float] = ..., clip_norm: _Optional[float] = ...) -> None: ...

class NadamOptimizer(_message.Message):
    __slots__ = ("beta1", "beta2", "epsilon", "momentum_decay")
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_DECAY_FIELD_NUMBER: _ClassVar[int]
    beta1: float
    beta2: float
    epsilon: float
    momentum_decay: float
    def __init__(self, beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., epsilon: _Optional[float] = ..., momentum_decay: _Optional[float] = ...) -> None: ...

class SgdOptimizer(_message.Message):
    __slots__ = ("momentum", "normalization")
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    NORMALIZATION_FIELD_NUMBER: _ClassVar[int]
    momentum: float
    normalization: Normalization
    def __init__(self, momentum: _Optional[float] = ..., normalization: _Optional[_Union[Normalization, str]] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("constant", "one_cycle", "cosine")
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    ONE_CYCLE_FIELD_NUMBER: _ClassVar[int]
    COSINE_FIELD_NUMBER: _ClassVar[int]
    constant: ConstantSchedule
    one_cycle: OneCycleSchedule
    cosine: CosineSchedule
    def __init__(self, constant: _Optional[_Union[ConstantSchedule, _Mapping]] = ..., one_cycle: _Optional[_Union[OneCycleSchedule, _Mapping]] = ..., cosine: _Optional[_Union[CosineSchedule, _Mapping]] = ...) -> None: ...

class ConstantSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OneCycleSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CosineSchedule(_message.Message):
    __slots__ = ("warm_up", "end")
    WARM_UP_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    warm_up: int
    end: float
    def __init__(self, warm_up: _Optional[int] = ..., end: _Optional[float] = ...) -> None: ...

class Penalty(_message.Message):
    __slots__ = ("kind", "weight", "constant")
    KIND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    kind: PenaltyKind
    weight: float
    constant: float
    def __init__(self, kind: _Optional[_Union[PenaltyKind, str]] = ..., weight: _Optional[float] = ..., constant: _Optional[float] = ...) -> None: ...
