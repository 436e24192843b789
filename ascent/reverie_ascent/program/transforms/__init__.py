"""The random transforms in front of the network, as fragments, each with its exact adjoint."""

from reverie_ascent.program.transforms.stage import Stage as Stage
from reverie_ascent.program.transforms.stages import stages as stages
from reverie_ascent.program.transforms.steps import check as check
from reverie_ascent.program.transforms.views import Views as Views
