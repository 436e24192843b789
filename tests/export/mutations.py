"""Mutations of an .onnx file, from single bits to plausible nonsense, all drawn from one generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto

Random = np.random.Generator

NUMBERS = (0, 1, -1, 2, 3, 7, 255, 2**16, 2**31 - 1, -(2**31), 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
TEXTS = ("", "x", "y", "w", "../x", "a" * 300, "\n", "ai.onnx.ml", "SAME_UPPER", "linear", "then_branch")
LARGEST = 4 << 20  # bytes: the size of mutants is bounded
MESSAGE = FieldDescriptor.TYPE_MESSAGE


def mutate(data: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """Return a damaged copy of ``data``, which may contain parts of ``others``."""
    for _ in range(int(rng.geometric(0.6))):
        try:
            data = _structure(data, others, rng) if rng.random() < 0.75 else _bytes(data, others, rng)
        except (DecodeError, ValueError, TypeError):
            data = _bytes(data, others, rng)
    return data[:LARGEST]


# ----- bytes -----


def _flip(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))


def _overwrite(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    at = int(rng.integers(len(data)))
    data[at : at + 8] = rng.choice([0, 127, 128, 255], size=min(8, len(data) - at)).astype(np.uint8).tobytes()


def _cut(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    at = int(rng.integers(len(data)))
    del data[at : at + int(rng.integers(1, 65))]


def _repeat(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    at = int(rng.integers(len(data)))
    data[at:at] = data[at : at + int(rng.integers(1, 257))]


def _truncate(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    del data[int(rng.integers(len(data))) :]


def _splice(data: bytearray, others: Sequence[bytes], rng: Random) -> None:
    other = others[int(rng.integers(len(others)))]
    start = int(rng.integers(len(other)))
    at = int(rng.integers(len(data)))
    data[at : at + 64] = other[start : start + int(rng.integers(1, 513))]


BYTES: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    *(_flip, _overwrite, _cut, _repeat, _truncate, _splice),
)


def _bytes(data: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    damaged = bytearray(data or b"\x08")
    BYTES[int(rng.integers(len(BYTES)))](damaged, others, rng)
    return bytes(damaged)


# ----- messages -----


def _structure(data: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    model = ModelProto.FromString(data)
    messages = list(_messages(model))
    change = STRUCTURE[int(rng.integers(len(STRUCTURE)))]
    change(model, messages, rng)
    return model.SerializeToString()


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.type == MESSAGE:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _messages(inner)


def _field(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Give any field another value of its kind."""
    message = messages[int(rng.integers(len(messages)))]
    fields: list[Any] = [f for f in message.DESCRIPTOR.fields if f.type != MESSAGE]
    if not fields:
        return
    field = fields[int(rng.integers(len(fields)))]
    value = _value(field, rng)
    held = getattr(message, field.name)
    if isinstance(held, str | bytes | int | float):
        setattr(message, field.name, value)
    elif len(held) and rng.random() < 0.7:
        held[int(rng.integers(len(held)))] = value
    else:
        held.extend([value] * int(rng.integers(1, 4)))


def _value(field: FieldDescriptor, rng: Random) -> object:
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXTS[int(rng.integers(len(TEXTS)))]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.bytes(int(rng.integers(0, 65)))
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return float(rng.choice([0.0, -1.0, 1e30, np.inf, np.nan, 0.5]))
    number = NUMBERS[int(rng.integers(len(NUMBERS)))] if rng.random() < 0.6 else int(rng.integers(0, 40))
    if field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM):
        return (number + 2**31) % 2**32 - 2**31
    return number % 2**64 if field.type == FieldDescriptor.TYPE_UINT64 else number


def _drop(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Remove a field, or one of its members."""
    message = messages[int(rng.integers(len(messages)))]
    stated = message.ListFields()
    if not stated:
        return
    field, value = stated[int(rng.integers(len(stated)))]
    if isinstance(value, str | bytes | int | float | Message):
        message.ClearField(field.name)
    else:
        del value[int(rng.integers(len(value)))]


def _double(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Repeat a member of a list, or exchange two."""
    lists = [v for m in messages for f, v in m.ListFields() if f.type == MESSAGE and not isinstance(v, Message)]
    if not lists:
        return
    chosen = lists[int(rng.integers(len(lists)))]
    one, other = (int(rng.integers(len(chosen))) for _ in range(2))
    if rng.random() < 0.5:
        chosen.add().CopyFrom(chosen[one])
    else:
        kept = type(chosen[one])()
        kept.CopyFrom(chosen[one])
        chosen[one].CopyFrom(chosen[other])
        chosen[other].CopyFrom(kept)


def _rewire(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Let a node read or write another value of the graph."""
    nodes = model.graph.node
    names = [name for node in nodes for name in (*node.input, *node.output)]
    if names:
        node = nodes[int(rng.integers(len(nodes)))]
        ends = node.input if rng.random() < 0.7 and node.input else node.output
        if ends:
            ends[int(rng.integers(len(ends)))] = names[int(rng.integers(len(names)))]


def _replace(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Let a node be of another operator."""
    if model.graph.node:
        node = model.graph.node[int(rng.integers(len(model.graph.node)))]
        node.op_type = OPERATORS[int(rng.integers(len(OPERATORS)))]


def _age(model: ModelProto, messages: Sequence[Message], rng: Random) -> None:
    """Claim another opset."""
    if model.opset_import:
        model.opset_import[0].version = int(rng.integers(7, onnx.defs.onnx_opset_version() + 1))


OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""})
STRUCTURE: tuple[Callable[[ModelProto, Sequence[Message], Random], None], ...] = (
    *(_field, _field, _field, _drop, _double, _rewire, _replace, _age),
)
