"""Latents of sparse autoencoders and directions as layers: ``--append FILE@LAYER[=NAME]``."""

from reverie_export.append.forms import read_encoder
from reverie_export.append.request import Request, parse
from reverie_export.append.targets import Appended, with_appended

__all__ = ["Appended", "Request", "parse", "read_encoder", "with_appended"]
