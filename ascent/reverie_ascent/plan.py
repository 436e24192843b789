"""Lowering plans: the numbers that decide how a step program is rewritten for a class of device.

A plan is data. One plan for each class of instruction set ships with the package, so that all machines of a class
rewrite a program in the same way, in every process and with any number of threads. Its digest is part of the maker
(`maker`). ``reverie tune`` measures a machine and writes another plan, which is used only on request.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

FORMAT = 1
"""The version of the file format; raised when a field changes its meaning."""

LOWERING_VERSION = 1
"""Raised whenever the lowering makes another graph from the same plan, so that the digest changes too."""

FOLDER = Path(__file__).parent / "plans"
MAX_BYTES = 2**16
TUNED = "tuned"
"""The name of the plan that ``reverie tune`` wrote last."""


class UnusablePlan(ValueError):
    """A plan cannot be used; the message names the plan, the problem and the remedy."""


@dataclass(frozen=True)
class Rates:
    """The nanoseconds of one multiply-add, by the number of input and output channels.

    ``plain`` and ``rows`` are 3 x 3 convolutions, as ONNX Runtime computes them and lowered; a lowered one also counts
    as 9 multiply-adds for each pixel and pair of channels. ``plain_pointwise`` and ``rows_pointwise`` are 1 x 1
    convolutions. ``conversion`` is the time to convert one number to the row layout or back.
    """

    plain: Mapping[int, float]
    rows: Mapping[int, float]
    plain_pointwise: Mapping[int, float]
    rows_pointwise: Mapping[int, float]
    conversion: float


@dataclass(frozen=True)
class LoweringPlan:
    """The numbers by which programs are lowered for a class of device.

    ``name`` is the class. ``rates`` decide which nodes are lowered on a CPU. A GPU has no rates; ``channels_last`` is
    whether its convolutions work on [N, H, W, C]. ``batch`` is the default number of pictures that share a step.
    ``threads`` is the number of threads with which the rates were measured, which estimates need; it does not limit the
    use of the plan. ``origin`` tells a reader where the numbers come from.
    """

    name: str
    rates: Rates | None
    channels_last: bool = False
    batch: int = 1
    threads: int = 2
    origin: str = ""

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of the fields that decide how a program is lowered.

        It does not include the batch, because the maker holds the one in use.
        """
        deciding = {"lowering": LOWERING_VERSION, "channels_last": self.channels_last, "rates": _rates_json(self.rates)}
        text = json.dumps(deciding, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def shipped(name: str) -> LoweringPlan:
    """Return the plan of a class that ships with the package; raise UnusablePlan for a name it does not have."""
    if name not in shipped_names():
        raise UnusablePlan(
            f"there is no lowering plan {name!r}; there are {', '.join(shipped_names())}; {TUNED!r}"
            " after `reverie tune`; and the files that `reverie tune -o FILE` writes"
        )
    return _read(FOLDER / f"{name}.json")


def shipped_names() -> list[str]:
    """Return the classes whose plans ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def tuned_path(device_class: str) -> Path:
    """Return the path where ``reverie tune`` stores the plan of this machine, for a class such as "cpu-avx512"."""
    return Path(platformdirs.user_cache_dir("reverie")) / f"plan-{device_class}.json"


def find(requested: str, device_class: str) -> LoweringPlan:
    """Return the plan that a user requested: a shipped one by its class, "tuned", or the path of a file.

    Raises UnusablePlan if it is missing or damaged.
    """
    if requested == TUNED:
        path = tuned_path(device_class)
        if not path.is_file():
            raise UnusablePlan(f"this machine has no tuned plan ({path} is missing); write it with `reverie tune`")
        return _read(path)
    if os.sep in requested or requested.endswith(".json") or Path(requested).is_file():
        return _read(Path(requested))
    return shipped(requested)


def save(plan: LoweringPlan, path: Path) -> None:
    """Write a plan to a file atomically; raise OSError if that is not possible."""
    text = json.dumps(
        {"format": FORMAT, **asdict(plan), "rates": _rates_json(plan.rates)}, indent=1, ensure_ascii=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".plan-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{text}\n")
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _rates_json(rates: Rates | None) -> dict[str, Any] | None:
    """Return rates for JSON, in which the numbers of channels are strings."""
    if rates is None:
        return None
    return {
        name: {str(channels): rate for channels, rate in sorted(value.items())} if isinstance(value, Mapping) else value
        for name, value in vars(rates).items()
    }


def _read(path: Path) -> LoweringPlan:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES} bytes, which no plan is")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        if content.get("format") != FORMAT:
            raise ValueError(f"it has format {content.get('format')!r}, and this version of Reverie reads {FORMAT}")
        return LoweringPlan(
            name=_typed(content, "name", str),
            rates=None if content.get("rates") is None else _rates(_typed(content, "rates", dict)),
            channels_last=_typed(content, "channels_last", bool),
            batch=_within("batch", _typed(content, "batch", int), 64),
            threads=_within("threads", _typed(content, "threads", int), 4096),
            origin=_typed(content, "origin", str),
        )
    except OSError as error:
        raise UnusablePlan(f"the lowering plan {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnusablePlan(
            f"the lowering plan {path} cannot be used: {error}. Write it again with `reverie tune -o {path}`"
        ) from error


def _typed(content: Mapping[str, Any], name: str, kind: type) -> Any:
    value = content.get(name)
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r:.60}, and should be of type {kind.__name__}")
    return value


def _within(name: str, number: int, most: int) -> int:
    if not 1 <= number <= most:
        raise ValueError(f"{name} is {number}, and should be from 1 to {most}")
    return number


def _rates(content: Mapping[str, Any]) -> Rates:
    tables = {}
    for name in ("plain", "rows", "plain_pointwise", "rows_pointwise"):
        table = _typed(content, name, dict)
        tables[name] = {int(channels): _positive(f"{name} at {channels}", rate) for channels, rate in table.items()}
        if not tables[name] or min(tables[name]) < 1:
            raise ValueError(f"{name} should hold a rate for one number of channels at least")
    return Rates(**tables, conversion=_positive("conversion", content.get("conversion")))


def _positive(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e6:
        raise ValueError(f"{name} is {value!r:.60}, and should be a number of nanoseconds above 0")
    return float(value)
