"""The step program: one graph that makes a step of gradient ascent for a batch of pictures, and its inputs."""

from reverie_ascent.program.key import ProgramKey, program_key
from reverie_ascent.program.program import BatchState, Program, Reading, build

__all__ = ["BatchState", "Program", "ProgramKey", "Reading", "build", "program_key"]
