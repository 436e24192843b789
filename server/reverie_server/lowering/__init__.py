"""Lowering: rewrites a step program for the device that runs it. The function stays; what it costs changes."""

from reverie_server.lowering.calibrate import preferred_batch
from reverie_server.lowering.device import prepare

__all__ = ["preferred_batch", "prepare"]
