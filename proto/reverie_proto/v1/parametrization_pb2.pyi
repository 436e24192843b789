from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PixelRange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_RANGE_UNSPECIFIED: _ClassVar[PixelRange]
    PIXEL_RANGE_SIGMOID: _ClassVar[PixelRange]
    PIXEL_RANGE_TANH: _ClassVar[PixelRange]
    PIXEL_RANGE_CLAMP: _ClassVar[PixelRange]
    PIXEL_RANGE_UNBOUNDED: _ClassVar[PixelRange]

class NoiseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOISE_KIND_UNSPECIFIED: _ClassVar[NoiseKind]
    NOISE_KIND_NORMAL: _ClassVar[NoiseKind]
    NOISE_KIND_UNIFORM: _ClassVar[NoiseKind]

class NamedColourBasis(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NAMED_COLOUR_BASIS_UNSPECIFIED: _ClassVar[NamedColourBasis]
    NAMED_COLOUR_BASIS_LUCID: _ClassVar[NamedColourBasis]
    NAMED_COLOUR_BASIS_NONE: _ClassVar[NamedColourBasis]
PIXEL_RANGE_UNSPECIFIED: PixelRange
PIXEL_RANGE_SIGMOID: PixelRange
PIXEL_RANGE_TANH: PixelRange
PIXEL_RANGE_CLAMP: PixelRange
PIXEL_RANGE_UNBOUNDED: PixelRange
NOISE_KIND_UNSPECIFIED: NoiseKind
NOISE_KIND_NORMAL: NoiseKind
NOISE_KIND_UNIFORM: NoiseKind
NAMED_COLOUR_BASIS_UNSPECIFIED: NamedColourBasis
NAMED_COLOUR_BASIS_LUCID: NamedColourBasis
NAMED_COLOUR_BASIS_NONE: NamedColourBasis

class Parametrization(_message.Message):
    __slots__ = ("fourier", "pixel", "laplacian", "multi_resolution", "maco", "cppn")
    FOURIER_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FIELD_NUMBER: _ClassVar[int]
    LAPLACIAN_FIELD_NUMBER: _ClassVar[int]
    MULTI_RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    MACO_FIELD_NUMBER: _ClassVar[int]
    CPPN_FIELD_NUMBER: _ClassVar[int]
    fourier: FourierParametrization
    pixel: PixelParametrization
    laplacian: LaplacianParametrization
    multi_resolution: MultiResolutionParametrization
    maco: MacoParametrization
    cppn: CppnParametrization
    def __init__(self, fourier: _Optional[_Union[FourierParametrization, _Mapping]] = ..., pixel: _Optional[_Union[PixelParametrization, _Mapping]] = ..., laplacian: _Optional[_Union[LaplacianParametrization, _Mapping]] = ..., multi_resolution: _Optional[_Union[MultiResolutionParametrization, _Mapping]] = ..., maco: _Optional[_Union[MacoParametrization, _Mapping]] = ..., cppn: _Optional[_Union[CppnParametrization, _Mapping]] = ...) -> None: ...

class FourierParametrization(_message.Message):
    __slots__ = ("decay_power", "deviation", "divisor", "colour")
    DECAY_POWER_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    DIVISOR_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    decay_power: float
    deviation: float
    divisor: float
    colour: ColourBasis
    def __init__(self, decay_power: _Optional[float] = ..., deviation: _Optional[float] = ..., divisor: _Optional[float] = ..., colour: _Optional[_Union[ColourBasis, _Mapping]] = ...) -> None: ...

class PixelParametrization(_message.Message):
    __slots__ = ("range", "mean", "deviation", "noise", "colour")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    range: PixelRange
    mean: float
    deviation: float
    noise: NoiseKind
    colour: ColourBasis
    def __init__(self, range: _Optional[_Union[PixelRange, str]] = ..., mean: _Optional[float] = ..., deviation: _Optional[float] = ..., noise: _Optional[_Union[NoiseKind, str]] = ..., colour: _Optional[_Union[ColourBasis, _Mapping]] = ...) -> None: ...

class LaplacianParametrization(_message.Message):
    __slots__ = ("levels", "deviation", "colour")
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    levels: int
    deviation: float
    colour: ColourBasis
    def __init__(self, levels: _Optional[int] = ..., deviation: _Optional[float] = ..., colour: _Optional[_Union[ColourBasis, _Mapping]] = ...) -> None: ...

class MultiResolutionParametrization(_message.Message):
    __slots__ = ("resolutions",)
    RESOLUTIONS_FIELD_NUMBER: _ClassVar[int]
    resolutions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, resolutions: _Optional[_Iterable[int]] = ...) -> None: ...

class MacoParametrization(_message.Message):
    __slots__ = ("magnitude", "ddof", "epsilon", "noise", "colour")
    MAGNITUDE_FIELD_NUMBER: _ClassVar[int]
    DDOF_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    magnitude: Magnitude
    ddof: int
    epsilon: float
    noise: NoiseKind
    colour: ColourBasis
    def __init__(self, magnitude: _Optional[_Union[Magnitude, _Mapping]] = ..., ddof: _Optional[int] = ..., epsilon: _Optional[float] = ..., noise: _Optional[_Union[NoiseKind, str]] = ..., colour: _Optional[_Union[ColourBasis, _Mapping]] = ...) -> None: ...

class Magnitude(_message.Message):
    __slots__ = ("power_law", "measured")
    POWER_LAW_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    power_law: PowerLaw
    measured: MeasuredMagnitude
    def __init__(self, power_law: _Optional[_Union[PowerLaw, _Mapping]] = ..., measured: _Optional[_Union[MeasuredMagnitude, _Mapping]] = ...) -> None: ...

class PowerLaw(_message.Message):
    __slots__ = ("slopes", "scales")
    SLOPES_FIELD_NUMBER: _ClassVar[int]
    SCALES_FIELD_NUMBER: _ClassVar[int]
    slopes: _containers.RepeatedScalarFieldContainer[float]
    scales: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, slopes: _Optional[_Iterable[float]] = ..., scales: _Optional[_Iterable[float]] = ...) -> None: ...

class MeasuredMagnitude(_message.Message):
    __slots__ = ("height", "width", "values")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class CppnParametrization(_message.Message):
    __slots__ = ("layers", "channels")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    layers: int
    channels: int
    def __init__(self, layers: _Optional[int] = ..., channels: _Optional[int] = ...) -> None: ...

class ColourBasis(_message.Message):
    __slots__ = ("named", "matrix")
    NAMED_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    named: NamedColourBasis
    matrix: ColourMatrix
    def __init__(self, named: _Optional[_Union[NamedColourBasis, str]] = ..., matrix: _Optional[_Union[ColourMatrix, _Mapping]] = ...) -> None: ...

class ColourMatrix(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...
