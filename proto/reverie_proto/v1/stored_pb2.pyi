from reverie_proto.v1 import spec_pb2 as _spec_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StoredRendering(_message.Message):
    __slots__ = ("rendering", "engine_version", "device_class", "onnxruntime_version")
    RENDERING_FIELD_NUMBER: _ClassVar[int]
    ENGINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    ONNXRUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    rendering: _spec_pb2.Rendering
    engine_version: str
    device_class: str
    onnxruntime_version: str
    def __init__(self, rendering: _Optional[_Union[_spec_pb2.Rendering, _Mapping]] = ..., engine_version: _Optional[str] = ..., device_class: _Optional[str] = ..., onnxruntime_version: _Optional[str] = ...) -> None: ...
