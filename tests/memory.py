"""What a process holds (Linux). `getrusage` would tell of whoever started it, too: its peak survives the start."""

from __future__ import annotations

from pathlib import Path


def peak_mib() -> float:
    """Return the mebibytes that this process has held at most."""
    return _status("self", "VmHWM")


def held_mib(process: int) -> float:
    """Return the mebibytes that a process holds now."""
    return _status(str(process), "VmRSS")


def _status(process: str, name: str) -> float:
    return int(Path(f"/proc/{process}/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024
