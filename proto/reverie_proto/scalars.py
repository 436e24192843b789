"""Conversion of numbers and texts to what the fields of messages can hold, and short texts of values for errors."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from numbers import Integral, Real

from google.protobuf.descriptor import FieldDescriptor

#: The smallest and the largest number of each integer type.
INTEGERS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}

#: The largest number of each floating-point type.
LARGEST: Mapping[int, float] = {
    FieldDescriptor.CPPTYPE_FLOAT: (2 - 2**-23) * 2.0**127,
    FieldDescriptor.CPPTYPE_DOUBLE: math.inf,
}


def integer(value: object, low: int, high: int) -> int:
    """Return a whole number; raise ValueError if the value is not one from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{shown(value)} is not a whole number")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{shown(number)} is not in {low}..{high}")
    return number


def real(value: object, largest: float) -> float:
    """Return a number; raise ValueError if the value is not a finite one of at most ``largest``, with either sign."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not a finite number")
    if abs(number) > largest:
        raise ValueError(f"{shown(value)} is not in -{largest:.4g}..{largest:.4g}")
    return number


def text(value: object) -> str:
    """Return a text; raise ValueError if the value is not one that UTF-8 can hold."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(value)} holds characters that UTF-8 has not") from None
    return value


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """Return a short text on one line for a caller's value, for use in an error message."""
    try:
        text = " ".join(_SHORT.repr(value).split())
    except Exception:  # the caller's class may raise anything; Python refuses to print integers of thousands of digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:117]}..."
