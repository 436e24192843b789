"""Tensors that read their contents from checked weights instead of from a file by its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

Bytes: TypeAlias = npt.NDArray[np.uint8]


class MappedTensor(ir.ExternalTensor):
    """A weight that is serialized as a reference to ``weights.bin`` and read from its checked contents.

    The base class would open the file by its path, and might read other bytes than those that were checked. ``weights``
    returns the contents of the file; it is called when the tensor is read, and may raise ModelError.
    """

    __slots__ = ("_weights",)

    def __init__(self, reference: ir.ExternalTensor, weights: Callable[[], Bytes]) -> None:
        super().__init__(
            reference.location,
            reference.offset,
            reference.length,
            reference.dtype,
            shape=reference.shape,
            name=str(reference.name),
        )
        self._weights = weights

    def numpy(self) -> npt.NDArray[Any]:
        """Return the tensor: a view of the weights, or a copy if their type is packed (int4 and similar types)."""
        if self.dtype.bitwidth < 8:
            packed = onnx.TensorProto(data_type=self.dtype, dims=self.shape.numpy(), raw_data=self.tobytes())
            return ir.from_proto(packed).numpy()
        array = np.frombuffer(self._bytes(), self.dtype.numpy().newbyteorder("<"))
        return array.reshape(self.shape.numpy())

    def tobytes(self) -> bytes:
        """Return a copy of the tensor's bytes."""
        return self._bytes().tobytes()

    def tofile(self, file: BinaryIO) -> None:
        """Write the tensor's bytes."""
        file.write(self._bytes().data)

    def __array__(self, dtype: Any = None) -> npt.NDArray[Any]:
        return self.numpy().__array__(dtype)

    def _bytes(self) -> Bytes:
        begin = self.offset or 0
        return self._weights()[begin : begin + self.nbytes]


def from_checked(graph: ir.Graph, weights: Callable[[], Bytes]) -> None:
    """Replace the external tensors of a graph by tensors that read from checked weights."""
    for value in graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor):
            value.const_value = MappedTensor(value.const_value, weights)
