"""Parametrizations: how a picture is stored while it is optimised, one file each."""

from reverie_ascent.program.parametrizations.colour import RGB as RGB
from reverie_ascent.program.parametrizations.table import bounds as bounds
from reverie_ascent.program.parametrizations.table import decode as decode
from reverie_ascent.program.parametrizations.table import encode as encode
from reverie_ascent.program.parametrizations.table import forward as forward
from reverie_ascent.program.parametrizations.table import initial_state as initial_state
from reverie_ascent.program.parametrizations.table import state_shape as state_shape
