from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Size(_message.Message):
    __slots__ = ("height_px", "width_px")
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    height_px: int
    width_px: int
    def __init__(self, height_px: _Optional[int] = ..., width_px: _Optional[int] = ...) -> None: ...
