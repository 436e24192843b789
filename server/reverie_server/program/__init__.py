"""The step program: one graph that carries a batch of pictures one step uphill, and what feeds it."""

from reverie_server.program.key import ProgramKey, program_key
from reverie_server.program.program import Climb, Program, Reading, build
from reverie_server.program.views import Draw

__all__ = ["Climb", "Draw", "Program", "ProgramKey", "Reading", "build", "program_key"]
