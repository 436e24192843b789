"""Memory of a process (Linux). `getrusage` is not used, because its peak includes the process that started this one."""

from __future__ import annotations

from pathlib import Path


def peak_mib() -> float:
    """Return the largest memory of this process so far, in mebibytes."""
    return _status("self", "VmHWM")


def held_mib(process: int) -> float:
    """Return the current memory of a process, in mebibytes."""
    return _status(str(process), "VmRSS")


def _status(process: str, name: str) -> float:
    return int(Path(f"/proc/{process}/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024
