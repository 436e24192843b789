"""Reads the JSON of specs that PNG files of earlier versions contain, in which some fields were plain names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: What the names of earlier versions mean, by field.
NAMES: Mapping[str, Mapping[str, Any]] = {
    "parametrization": {"PARAMETRIZATION_FOURIER": {"fourier": {}}, "PARAMETRIZATION_PIXEL": {"pixel": {}}},
    "transforms": {"TRANSFORMS_NONE": {"set": "none"}, "TRANSFORMS_LUCID": {"set": "lucid"}},
    "schedule": {"SCHEDULE_CONSTANT": {"constant": {}}, "SCHEDULE_ONE_CYCLE": {"one_cycle": {}}},
}


def translated(text: str) -> str:
    """Return the JSON of a spec in today's form; raise ValueError if the text is not JSON."""
    spec = json.loads(text)
    if not isinstance(spec, dict):
        return text
    for field, names in NAMES.items():
        if isinstance(name := spec.get(field), str) and name in names:
            spec[field] = names[name]
    return json.dumps(spec)
