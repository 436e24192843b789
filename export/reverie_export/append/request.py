"""The argument of ``--append``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reverie_export.errors import BadOption

SYNTAX = "FILE@LAYER or FILE@LAYER=NAME, such as sae.safetensors@conv4_3 or cavs.npy@fc6=stripes"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ENCODED = "encoded"  # the last part of the name of the layer after the activation


@dataclass(frozen=True)
class Request:
    """What one ``--append`` asks for."""

    file: Path
    layer: str  # a name or an alias
    name: str

    def __str__(self) -> str:
        return f"--append {self.file}@{self.layer}"


def parse(text: str) -> Request:
    """Read ``FILE@LAYER[=NAME]``; without a name it is the file's, less its suffix. Raises BadOption."""
    file, at, rest = text.rpartition("@")  # paths may hold an @; names of layers do not
    layer, equals, name = rest.rpartition("=") if "=" in rest else (rest, "", "")
    if not at or not file or not layer or (equals and not name):
        raise BadOption(f"--append {text!r} is not {SYNTAX}")
    path = Path(file)
    name = name or path.stem
    if not NAME.fullmatch(name):
        remedy = "" if equals else f"; give one after the layer, as in --append {file}@{layer}=NAME"
        raise BadOption(
            f"--append {text!r}: the name {name!r} must have letters, digits, '.', '_' and '-' only, the first a letter"
            f" or digit{remedy}"
        )
    return Request(path, layer, name)
