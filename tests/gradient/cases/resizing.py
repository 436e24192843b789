"""Cases of resizing."""

from __future__ import annotations

from tests.gradient.gradcheck import Case

SMALL = "1,2,4,5"
TWICE = "s = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> () "
ODDLY = "s = Constant <value_floats = [1.0, 1.0, 1.7, 0.7]> () "
SIZED = "s = Constant <value_ints = [1, 2, 7, 3]> () "
NEAREST = [
    Case(
        ODDLY + f'Y = Resize <coordinate_transformation_mode = "{mode}", nearest_mode = "{rounding}"> (X, , s)',
        x=SMALL,
    )
    for mode, rounding in (
        ("half_pixel", "round_prefer_ceil"),
        ("asymmetric", "ceil"),
        ("asymmetric", "floor"),
        ("pytorch_half_pixel", "round_prefer_floor"),
    )
]
LINEAR = [
    Case(SIZED + f'Y = Resize <mode = "{shape}", coordinate_transformation_mode = "{mode}"> (X, , , s)', x=SMALL)
    for shape in ("linear", "cubic")
    for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")
]
CASES = [
    # --- whole factors, to the nearest ---
    Case(
        TWICE + 'Y = Resize <coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (X, , s)', x=SMALL
    ),
    Case(TWICE + "Y = Resize(X, , s)", x=SMALL),
    Case("s = Constant <value_floats = [1.0, 1.0, 3.0]> () Y = Resize(X, , s)", x="2,3,4"),
    Case("s = Constant <value_ints = [1, 2, 8, 15]> () Y = Resize(X, , , s)", x=SMALL),
    Case(
        'h = Constant <value_floats = [1.0, 1.0, 0.5, 0.5]> () Y = Resize <mode = "nearest", '
        'coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (X, , h)',
        x="1,2,4,6",
    ),
    *NEAREST,
    # --- smooth ---
    Case(TWICE + 'Y = Resize <mode = "linear"> (X, , s)', x=SMALL),
    Case(ODDLY + 'Y = Resize <mode = "linear"> (X, , s)', x=SMALL),
    *LINEAR,
    Case(SIZED + 'Y = Resize <mode = "cubic", cubic_coeff_a = -0.5, exclude_outside = 1> (X, , , s)', x=SMALL),
    Case(SIZED + 'Y = Resize <mode = "linear", antialias = 1> (X, , , s)', x="1,2,4,8", opsets=(18, 28), free=""),
    Case(
        's = Constant <value_ints = [1, 2, 2, 3]> () Y = Resize <mode = "cubic", antialias = 1> (X, , , s)',
        x="1,2,4,6",
        opsets=(18, 28),
        free="",
    ),
    # --- which axes, and which part of them ---
    Case(
        's = Constant <value_ints = [7, 3]> () Y = Resize <mode = "linear", axes = [2, 3]> (X, , , s)',
        x=SMALL,
        opsets=(18, 28),
    ),
    Case(
        's = Constant <value_ints = [6, 6]> () Y = Resize <mode = "linear", axes = [2, 3], '
        'keep_aspect_ratio_policy = "not_larger"> (X, , , s)',
        x="1,2,4,8",
        opsets=(18, 28),
        free="",
    ),
    Case(
        "r = Constant <value_floats = [0.0, 0.0, 0.2, -0.3, 1.0, 1.0, 0.9, 0.8]> () "
        + SIZED
        + 'Y = Resize <mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize"> (X, r, , s)',
        x=SMALL,
    ),
    # --- scales, sizes and regions that are only known at run time ---
    Case(
        "f = Cast <to = 1> (C) one = Constant <value_floats = [1.0, 1.0]> () s = Concat <axis = 0> (one, f) "
        'Y = Resize <mode = "linear"> (X, , s)',
        x=SMALL,
        c="2",
        low=1.2,
        high=2.4,
        wrt="X",
        free="X",
    ),
    Case(
        'f = Cast <to = 1> (C) Y = Resize <coordinate_transformation_mode = "asymmetric"> (X, , f)',
        x=SMALL,
        c="4",
        low=1.0,
        high=1.9,
        wrt="X",
        free="X",
    ),
    Case(
        'f = Cast <to = 7> (C) Y = Resize <mode = "linear", axes = [3, 2], keep_aspect_ratio_policy = "not_smaller"> '
        "(X, , , f)",
        x="1,2,4,6",
        c="2",
        low=7.0,
        high=9.0,
        wrt="X",
        opsets=(18, 28),
        free="X",
    ),
    Case(
        "s = Constant <value_ints = [5, 3]> () "
        'Y = Resize <mode = "linear", axes = [2, 3], coordinate_transformation_mode = "tf_crop_and_resize"> '
        "(X, C, , s)",
        x=SMALL,
        c="4",
        low=0.1,
        high=0.9,
        wrt="X",
        opsets=(18, 28),
        free="X",
    ),
]
