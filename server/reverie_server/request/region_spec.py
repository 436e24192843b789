"""Checks the region of an objective."""

from __future__ import annotations

from reverie_ascent.recipe.region import Box, Mask
from reverie_proto.v1 import objective_pb2

from reverie_server.request.fields import check_finite, one_of
from reverie_server.request.validation import Violations

MAX_SIDE = 4096


def complete_region(region: objective_pb2.Region, violations: Violations, path: str) -> None:
    """Add the violations of a region, which has no defaults."""
    match one_of(region, path, violations):
        case "box":
            box, place = region.box, f"{path}.box"
            for name in ("top", "left", "bottom", "right"):
                violations.check_range(f"{place}.{name}", getattr(box, name), 0, 1)
            for low, high in (("top", "bottom"), ("left", "right")):
                if getattr(box, low) >= getattr(box, high):
                    violations.add(
                        f"{place}.{high}", f"{getattr(box, high):g} is not more than {low}, {getattr(box, low):g}"
                    )
        case "mask":
            mask, place = region.mask, f"{path}.mask"
            ok = violations.check_range(f"{place}.height", mask.height, 1, MAX_SIDE)
            ok &= violations.check_range(f"{place}.width", mask.width, 1, MAX_SIDE)
            if not check_finite(mask.weights, f"{place}.weights", violations):
                return
            if ok and len(mask.weights) != mask.height * mask.width:
                problem = (
                    f"has {len(mask.weights)} numbers; {mask.height} x {mask.width} are {mask.height * mask.width}"
                )
                violations.add(f"{place}.weights", problem)
            elif any(weight < 0 for weight in mask.weights):
                violations.add(f"{place}.weights", "has negative numbers; weights are at least 0")
            elif not any(mask.weights):
                violations.add(f"{place}.weights", "all of its numbers are 0, so no position counts")


def recipe_region(region: objective_pb2.Region) -> Box | Mask:
    """Return a valid region as a part of a recipe."""
    if region.WhichOneof("kind") == "box":
        box = region.box
        return Box(box.top, box.left, box.bottom, box.right)
    return Mask(region.mask.height, region.mask.width, tuple(region.mask.weights))
