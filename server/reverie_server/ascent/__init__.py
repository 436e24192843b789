"""The ascent: a program run step after step, with everything random in it decided by seed and step."""

from reverie_server.ascent.loop import ascend
from reverie_server.ascent.result import Outcome, Result, Step, Stopped

__all__ = ["Outcome", "Result", "Step", "Stopped", "ascend"]
