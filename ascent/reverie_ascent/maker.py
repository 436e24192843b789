"""The maker of a picture: everything besides the spec and the model that decides its bytes.

A picture is a pure function of (effective spec, model digest, maker). Pictures of one maker are equal to the last bit,
on any machine, in any process and with any number of threads; pictures of two makers are similar but not equal.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, TypeAlias

from reverie_ascent.plan import LoweringPlan

ENGINE_VERSION = "4"
"""Raised whenever a change of the code changes pictures, so that old and new pictures have different makers."""

Precision: TypeAlias = Literal["exact", "float32", "bfloat16"]


class Computes(Protocol):
    """The properties of a device that are part of its maker."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def instruction_set(self) -> str: ...  # noqa: D102
    @property
    def exact(self) -> bool: ...  # noqa: D102
    @property
    def bfloat16(self) -> bool: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102
    @property
    def plan(self) -> LoweringPlan | None: ...  # noqa: D102
    @property
    def onnxruntime_version(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Maker:
    """All that decides the bytes of a picture besides the spec and the model.

    ``device`` is "cpu" or "cuda" and ``instruction_set`` its class, such as "avx512" or "sm90". ``batch`` is the number
    of pictures that share a step. ``plan`` is the digest of the lowering plan, empty if programs are not lowered.
    """

    engine_version: str
    onnxruntime_version: str
    device: str
    instruction_set: str
    precision: Precision
    batch: int
    plan: str

    @property
    def device_class(self) -> str:
        """The name of the class of device, such as "cpu-avx512", "cpu-avx512-exact" or "cuda-sm90-bfloat16-batch4"."""
        return device_class(self.device, self.instruction_set, self.precision, self.batch)

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of the fields: equal makers have equal digests."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name on the wire and in the store, which is readable and different for different makers.

        An example is "cpu-avx512-onnxruntime-1.32.0-engine-4-0123456789abcdef", which ends with a part of the digest.
        """
        versions = f"onnxruntime-{self.onnxruntime_version}-engine-{self.engine_version}"
        return f"{self.device_class}-{versions}-{self.digest[:16]}"


def device_class(device: str, instruction_set: str, precision: Precision, batch: int) -> str:
    """Return the name of a class of device; float32 and a batch of 1, the defaults, are left out."""
    parts = [device, instruction_set, *([] if precision == "float32" else [precision])]
    return "-".join([*filter(None, parts), *([f"batch{batch}"] if batch > 1 else [])])


def precision_of(device: Computes) -> Precision:
    """Return how exactly a device computes."""
    return "exact" if device.exact else "bfloat16" if device.bfloat16 else "float32"


def maker_of(device: Computes) -> Maker:
    """Return the maker of the pictures that a device computes."""
    # An exact device ignores the rates of a plan, but uses its layout.
    unused = device.plan is None or (device.exact and device.plan.rates is not None)
    return Maker(
        engine_version=ENGINE_VERSION,
        onnxruntime_version=device.onnxruntime_version,
        device=device.name,
        instruction_set=device.instruction_set,
        precision=precision_of(device),
        batch=device.batch,
        plan="" if unused or device.plan is None else device.plan.digest,
    )
