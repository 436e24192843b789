from reverie_proto.v1 import catalog_pb2 as _catalog_pb2
from reverie_proto.v1 import size_pb2 as _size_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Manifest(_message.Message):
    __slots__ = ("format_version", "name", "description", "reverie_version", "opset", "source", "normalisation", "labels", "native_size", "layers", "files", "image_channels")
    FORMAT_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REVERIE_VERSION_FIELD_NUMBER: _ClassVar[int]
    OPSET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NORMALISATION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NATIVE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    format_version: int
    name: str
    description: str
    reverie_version: str
    opset: int
    source: Source
    normalisation: Normalisation
    labels: _containers.RepeatedScalarFieldContainer[str]
    native_size: _size_pb2.Size
    layers: _containers.RepeatedCompositeFieldContainer[ExportedLayer]
    files: _containers.RepeatedCompositeFieldContainer[File]
    image_channels: int
    def __init__(self, format_version: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., reverie_version: _Optional[str] = ..., opset: _Optional[int] = ..., source: _Optional[_Union[Source, _Mapping]] = ..., normalisation: _Optional[_Union[Normalisation, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ..., native_size: _Optional[_Union[_size_pb2.Size, _Mapping]] = ..., layers: _Optional[_Iterable[_Union[ExportedLayer, _Mapping]]] = ..., files: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., image_channels: _Optional[int] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("model", "weights", "weights_digest", "versions")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    weights: str
    weights_digest: str
    versions: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., weights: _Optional[str] = ..., weights_digest: _Optional[str] = ..., versions: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Normalisation(_message.Message):
    __slots__ = ("scale", "mean", "std", "channel_order")
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ORDER_FIELD_NUMBER: _ClassVar[int]
    scale: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    channel_order: str
    def __init__(self, scale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., channel_order: _Optional[str] = ...) -> None: ...

class ExportedLayer(_message.Message):
    __slots__ = ("layer", "file", "preactivation", "verification")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PREACTIVATION_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    layer: _catalog_pb2.Layer
    file: str
    preactivation: str
    verification: Verification
    def __init__(self, layer: _Optional[_Union[_catalog_pb2.Layer, _Mapping]] = ..., file: _Optional[str] = ..., preactivation: _Optional[str] = ..., verification: _Optional[_Union[Verification, _Mapping]] = ...) -> None: ...

class Verification(_message.Message):
    __slots__ = ("reference", "sizes", "activation_error", "gradient_error")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_ERROR_FIELD_NUMBER: _ClassVar[int]
    reference: str
    sizes: _containers.RepeatedCompositeFieldContainer[_size_pb2.Size]
    activation_error: float
    gradient_error: float
    def __init__(self, reference: _Optional[str] = ..., sizes: _Optional[_Iterable[_Union[_size_pb2.Size, _Mapping]]] = ..., activation_error: _Optional[float] = ..., gradient_error: _Optional[float] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("name", "size_bytes", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
