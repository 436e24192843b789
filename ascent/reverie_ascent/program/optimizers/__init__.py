"""Optimizers: how the gradient changes the state, one file each; their numbers are inputs of the program."""

from reverie_ascent.program.optimizers.form import OptimizerForm as OptimizerForm
from reverie_ascent.program.optimizers.table import coefficients as coefficients
from reverie_ascent.program.optimizers.table import form as form
from reverie_ascent.program.optimizers.table import idle as idle
from reverie_ascent.program.optimizers.table import slots as slots
from reverie_ascent.program.optimizers.table import step_graph as step_graph
