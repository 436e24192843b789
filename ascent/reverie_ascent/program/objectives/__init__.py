"""Objectives as fragments: the score of each term from the activation of its layer, and the gradient."""

from reverie_ascent.program.objectives.activation import Activation as Activation
from reverie_ascent.program.objectives.combine import combine as combine
from reverie_ascent.program.objectives.table import Form as Form
from reverie_ascent.program.objectives.table import form as form
from reverie_ascent.program.objectives.table import term as term
