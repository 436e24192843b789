"""ONNX Runtime: the devices it computes on, their threads, and sessions that run a graph there."""

from reverie_ascent.runtime.process import ForkedProcess
from reverie_ascent.runtime.threads import SharedThreads

__all__ = ["ForkedProcess", "SharedThreads"]
