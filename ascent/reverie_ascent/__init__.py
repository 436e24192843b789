"""The ascent: a program run step after step, with everything random in it decided by seed and step."""

from reverie_ascent.loop import Ascent, Run, ascend
from reverie_ascent.result import Outcome, Reached, Result, Step, Stopped

__all__ = ["Ascent", "Outcome", "Reached", "Result", "Run", "Step", "Stopped", "ascend"]
