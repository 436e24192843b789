"""Prints the folder of the .proto files: `protoc -I "$(python -m reverie_proto)" reverie/v1/visualization.proto`."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def folder() -> Path:
    """Return the folder above reverie/v1: inside an installed package, or in the checkout."""
    installed = HERE / "proto"
    return installed if installed.is_dir() else HERE.parent


if __name__ == "__main__":
    print(folder())
