"""Lowering plans: the figures that decide how a step program is rewritten for a class of device.

A plan is data. One per class of instruction set ships with the package, so that two machines of a class, two processes
and two numbers of threads rewrite a program alike, and its digest is part of the maker (`maker`). ``reverie tune``
measures the machine at hand and writes a plan of its own, which is used only when it is asked for.
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
"""Of a plan's file; raised when a field changes its meaning."""

LOWERING_VERSION = 1
"""Raised whenever the lowering makes another graph of the same plan, so that the digest tells the two apart."""

FOLDER = Path(__file__).parent / "plans"
MAX_BYTES = 2**16
TUNED = "tuned"
"""The name under which the plan that ``reverie tune`` wrote last can be asked for."""


class UnusablePlan(ValueError):
    """A plan cannot be used; the message names it, says what is wrong with it and what helps."""


@dataclass(frozen=True)
class Rates:
    """Nanoseconds that one multiply-add takes, by the number of channels in and out.

    ``plain`` and ``rows`` are 3 x 3 convolutions, as ONNX Runtime computes them and lowered; a lowered one is counted
    as if it, too, made 9 products for each pixel and pair of channels. ``plain_pointwise`` and ``rows_pointwise`` are
    1 x 1 convolutions. ``conversion`` is what turning one number into the row layout takes, or back.
    """

    plain: Mapping[int, float]
    rows: Mapping[int, float]
    plain_pointwise: Mapping[int, float]
    rows_pointwise: Mapping[int, float]
    conversion: float


@dataclass(frozen=True)
class LoweringPlan:
    """What is known about a class of device.

    ``name`` is the class. ``rates`` choose what is lowered on a CPU; a GPU has none, and ``channels_last`` says instead
    whether its convolutions work on [N, H, W, C]. ``batch`` pictures share a step unless the user says otherwise.
    ``threads`` is how many the rates were measured with, which estimates have to know; the choice that follows from
    them serves any number. ``origin`` says for a reader where the figures come from.
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
        """The SHA-256 (hex) of all in it that decides how a program is lowered.

        The size of a batch is not in it: the maker names the one in use.
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
    """Return where ``reverie tune`` keeps the plan of this machine, for a class such as "cpu-avx512"."""
    return Path(platformdirs.user_cache_dir("reverie")) / f"plan-{device_class}.json"


def find(asked: str, device_class: str) -> LoweringPlan:
    """Return the plan that a user asked for: a shipped one by its class, "tuned", or the path of a file.

    Raises UnusablePlan.
    """
    if asked == TUNED:
        path = tuned_path(device_class)
        if not path.is_file():
            raise UnusablePlan(f"this machine has no tuned plan ({path} is missing); write it with `reverie tune`")
        return _read(path)
    if os.sep in asked or asked.endswith(".json") or Path(asked).is_file():
        return _read(Path(asked))
    return shipped(asked)


def save(plan: LoweringPlan, path: Path) -> None:
    """Write a plan to a file, whole or not at all; raise OSError where that is not possible."""
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
    """Return rates as JSON has them: numbers of channels are strings there."""
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
        held = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(held, dict):
            raise ValueError("it holds no JSON object")
        if held.get("format") != FORMAT:
            raise ValueError(f"it has format {held.get('format')!r}, and this version of Reverie reads {FORMAT}")
        return LoweringPlan(
            name=_typed(held, "name", str),
            rates=None if held.get("rates") is None else _rates(_typed(held, "rates", dict)),
            channels_last=_typed(held, "channels_last", bool),
            batch=_within("batch", _typed(held, "batch", int), 64),
            threads=_within("threads", _typed(held, "threads", int), 4096),
            origin=_typed(held, "origin", str),
        )
    except OSError as error:
        raise UnusablePlan(f"the lowering plan {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnusablePlan(
            f"the lowering plan {path} cannot be used: {error}. Write it anew with `reverie tune -o {path}`"
        ) from error


def _typed(held: Mapping[str, Any], name: str, kind: type) -> Any:
    value = held.get(name)
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r:.60}, and should be of type {kind.__name__}")
    return value


def _within(name: str, number: int, most: int) -> int:
    if not 1 <= number <= most:
        raise ValueError(f"{name} is {number}, and should be from 1 to {most}")
    return number


def _rates(held: Mapping[str, Any]) -> Rates:
    tables = {}
    for name in ("plain", "rows", "plain_pointwise", "rows_pointwise"):
        table = _typed(held, name, dict)
        tables[name] = {int(channels): _positive(f"{name} at {channels}", rate) for channels, rate in table.items()}
        if not tables[name] or min(tables[name]) < 1:
            raise ValueError(f"{name} should hold a rate for one number of channels at least")
    return Rates(**tables, conversion=_positive("conversion", held.get("conversion")))


def _positive(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e6:
        raise ValueError(f"{name} is {value!r:.60}, and should be a number of nanoseconds above 0")
    return float(value)
