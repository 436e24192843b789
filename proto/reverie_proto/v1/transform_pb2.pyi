from reverie_proto.v1 import size_pb2 as _size_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PadMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAD_MODE_UNSPECIFIED: _ClassVar[PadMode]
    PAD_MODE_CONSTANT: _ClassVar[PadMode]
    PAD_MODE_REFLECT: _ClassVar[PadMode]

class Sampling(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLING_UNSPECIFIED: _ClassVar[Sampling]
    SAMPLING_LEGACY: _ClassVar[Sampling]
    SAMPLING_HALF_PIXEL: _ClassVar[Sampling]
    SAMPLING_ALIGN_CORNERS: _ClassVar[Sampling]

class Interpolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERPOLATION_UNSPECIFIED: _ClassVar[Interpolation]
    INTERPOLATION_BILINEAR: _ClassVar[Interpolation]
    INTERPOLATION_BICUBIC: _ClassVar[Interpolation]
    INTERPOLATION_NEAREST: _ClassVar[Interpolation]
PAD_MODE_UNSPECIFIED: PadMode
PAD_MODE_CONSTANT: PadMode
PAD_MODE_REFLECT: PadMode
SAMPLING_UNSPECIFIED: Sampling
SAMPLING_LEGACY: Sampling
SAMPLING_HALF_PIXEL: Sampling
SAMPLING_ALIGN_CORNERS: Sampling
INTERPOLATION_UNSPECIFIED: Interpolation
INTERPOLATION_BILINEAR: Interpolation
INTERPOLATION_BICUBIC: Interpolation
INTERPOLATION_NEAREST: Interpolation

class Transforms(_message.Message):
    __slots__ = ("set", "steps")
    SET_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    set: str
    steps: _containers.RepeatedCompositeFieldContainer[Transform]
    def __init__(self, set: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[Transform, _Mapping]]] = ...) -> None: ...

class Transform(_message.Message):
    __slots__ = ("pad", "jitter", "translate", "roll", "scale", "rotate", "crop_box", "center", "flip", "noise", "colour_shift", "blur", "resize")
    PAD_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    TRANSLATE_FIELD_NUMBER: _ClassVar[int]
    ROLL_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    ROTATE_FIELD_NUMBER: _ClassVar[int]
    CROP_BOX_FIELD_NUMBER: _ClassVar[int]
    CENTER_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_SHIFT_FIELD_NUMBER: _ClassVar[int]
    BLUR_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    pad: PadTransform
    jitter: JitterTransform
    translate: TranslateTransform
    roll: RollTransform
    scale: ScaleTransform
    rotate: RotateTransform
    crop_box: CropBoxTransform
    center: CenterTransform
    flip: FlipTransform
    noise: NoiseTransform
    colour_shift: ColourShiftTransform
    blur: BlurTransform
    resize: ResizeTransform
    def __init__(self, pad: _Optional[_Union[PadTransform, _Mapping]] = ..., jitter: _Optional[_Union[JitterTransform, _Mapping]] = ..., translate: _Optional[_Union[TranslateTransform, _Mapping]] = ..., roll: _Optional[_Union[RollTransform, _Mapping]] = ..., scale: _Optional[_Union[ScaleTransform, _Mapping]] = ..., rotate: _Optional[_Union[RotateTransform, _Mapping]] = ..., crop_box: _Optional[_Union[CropBoxTransform, _Mapping]] = ..., center: _Optional[_Union[CenterTransform, _Mapping]] = ..., flip: _Optional[_Union[FlipTransform, _Mapping]] = ..., noise: _Optional[_Union[NoiseTransform, _Mapping]] = ..., colour_shift: _Optional[_Union[ColourShiftTransform, _Mapping]] = ..., blur: _Optional[_Union[BlurTransform, _Mapping]] = ..., resize: _Optional[_Union[ResizeTransform, _Mapping]] = ...) -> None: ...

class PadTransform(_message.Message):
    __slots__ = ("px", "mode", "value")
    PX_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    px: int
    mode: PadMode
    value: float
    def __init__(self, px: _Optional[int] = ..., mode: _Optional[_Union[PadMode, str]] = ..., value: _Optional[float] = ...) -> None: ...

class JitterTransform(_message.Message):
    __slots__ = ("px",)
    PX_FIELD_NUMBER: _ClassVar[int]
    px: int
    def __init__(self, px: _Optional[int] = ...) -> None: ...

class TranslateTransform(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: int
    high: int
    def __init__(self, low: _Optional[int] = ..., high: _Optional[int] = ...) -> None: ...

class RollTransform(_message.Message):
    __slots__ = ("px",)
    PX_FIELD_NUMBER: _ClassVar[int]
    px: int
    def __init__(self, px: _Optional[int] = ...) -> None: ...

class RandomNumber(_message.Message):
    __slots__ = ("set", "range")
    SET_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    set: NumberSet
    range: NumberRange
    def __init__(self, set: _Optional[_Union[NumberSet, _Mapping]] = ..., range: _Optional[_Union[NumberRange, _Mapping]] = ...) -> None: ...

class NumberSet(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class NumberRange(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class ScaleTransform(_message.Message):
    __slots__ = ("factor", "separate", "sampling", "interpolation")
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    SEPARATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATION_FIELD_NUMBER: _ClassVar[int]
    factor: RandomNumber
    separate: bool
    sampling: Sampling
    interpolation: Interpolation
    def __init__(self, factor: _Optional[_Union[RandomNumber, _Mapping]] = ..., separate: bool = ..., sampling: _Optional[_Union[Sampling, str]] = ..., interpolation: _Optional[_Union[Interpolation, str]] = ...) -> None: ...

class RotateTransform(_message.Message):
    __slots__ = ("degrees", "interpolation")
    DEGREES_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATION_FIELD_NUMBER: _ClassVar[int]
    degrees: RandomNumber
    interpolation: Interpolation
    def __init__(self, degrees: _Optional[_Union[RandomNumber, _Mapping]] = ..., interpolation: _Optional[_Union[Interpolation, str]] = ...) -> None: ...

class CropBoxTransform(_message.Message):
    __slots__ = ("side", "side_deviation", "centre_deviation", "interpolation")
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SIDE_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    CENTRE_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATION_FIELD_NUMBER: _ClassVar[int]
    side: NumberRange
    side_deviation: float
    centre_deviation: float
    interpolation: Interpolation
    def __init__(self, side: _Optional[_Union[NumberRange, _Mapping]] = ..., side_deviation: _Optional[float] = ..., centre_deviation: _Optional[float] = ..., interpolation: _Optional[_Union[Interpolation, str]] = ...) -> None: ...

class CenterTransform(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: _size_pb2.Size
    def __init__(self, size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ...) -> None: ...

class FlipTransform(_message.Message):
    __slots__ = ("probability",)
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    probability: float
    def __init__(self, probability: _Optional[float] = ...) -> None: ...

class NoiseTransform(_message.Message):
    __slots__ = ("deviation", "low", "high", "fading", "per_channel", "clipped")
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    FADING_FIELD_NUMBER: _ClassVar[int]
    PER_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_FIELD_NUMBER: _ClassVar[int]
    deviation: float
    low: float
    high: float
    fading: bool
    per_channel: bool
    clipped: bool
    def __init__(self, deviation: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., fading: bool = ..., per_channel: bool = ..., clipped: bool = ...) -> None: ...

class ColourShiftTransform(_message.Message):
    __slots__ = ("scale", "offset", "inverse")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    INVERSE_FIELD_NUMBER: _ClassVar[int]
    scale: float
    offset: float
    inverse: bool
    def __init__(self, scale: _Optional[float] = ..., offset: _Optional[float] = ..., inverse: bool = ...) -> None: ...

class BlurTransform(_message.Message):
    __slots__ = ("deviation", "kernel")
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    deviation: NumberRange
    kernel: int
    def __init__(self, deviation: _Optional[_Union[NumberRange, _Mapping]] = ..., kernel: _Optional[int] = ...) -> None: ...

class ResizeTransform(_message.Message):
    __slots__ = ("size", "sampling", "interpolation")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATION_FIELD_NUMBER: _ClassVar[int]
    size: _size_pb2.Size
    sampling: Sampling
    interpolation: Interpolation
    def __init__(self, size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., sampling: _Optional[_Union[Sampling, str]] = ..., interpolation: _Optional[_Union[Interpolation, str]] = ...) -> None: ...
