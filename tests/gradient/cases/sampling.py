"""Cases of sampling between pixels; grids reach beyond the picture on all sides."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

RENAMED, SINCE = (16, 19), (16, 28)
FLAT = [
    Case(
        f'Y = GridSample <mode = "{mode}", padding_mode = "{padding}", align_corners = {aligned}> (X, B)',
        x="2,3,4,5",
        b="2,3,4,2",
        wrt="X" if mode == "nearest" else "XB",
        opsets=opsets,
    )
    for mode, opsets in (("bilinear", RENAMED), ("nearest", SINCE), ("bicubic", RENAMED))
    for padding in ("zeros", "border", "reflection")
    for aligned in (0, 1)
]
CASES = [
    *FLAT,
    Case("Y = GridSample(X, B)", x="1,2,3,4", b="1,2,5,2", opsets=(20, 28)),
    Case('Y = GridSample <mode = "cubic", padding_mode = "border"> (X, B)', x="1,2,3,4", b="1,2,5,2", opsets=(20, 28)),
    Case('Y = GridSample <padding_mode = "reflection"> (X, B)', x="1,2,2,3,4", b="1,2,1,4,3", opsets=(20, 28)),
    Case('Y = GridSample <mode = "nearest"> (X, B)', x="1,2,2,3,4", b="1,2,1,4,3", wrt="X", opsets=(20, 28)),
    # --- one element, far outside ---
    Case(
        'Y = GridSample <mode = "bicubic", padding_mode = "reflection", align_corners = 1> (X, B)',
        x="1,1,1,3",
        b="1,2,3,2",
        low=-9.0,
        high=9.0,
        opsets=RENAMED,
    ),
]
