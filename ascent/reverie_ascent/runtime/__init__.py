"""Runs graphs on ONNX Runtime: its devices, their threads, and sessions."""

from reverie_ascent.runtime.process import ForkedProcess
from reverie_ascent.runtime.threads import SharedThreads

__all__ = ["ForkedProcess", "SharedThreads"]
