"""Groups, attempts, early ends, importance, robustness and views, from the options of a render to its result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from google.protobuf import text_format
from PIL import Image
from reverie_ascent.loop import ascend
from reverie_ascent.program import build
from reverie_ascent.result import Result
from reverie_ascent.runtime.devices.cpu import CPU
from reverie_ascent.runtime.session import Device
from reverie_proto.options import choices
from reverie_proto.v1 import objective_pb2, parametrization_pb2, spec_pb2, transform_pb2
from reverie_server import Engine, Progress, Rendering
from reverie_server.request.images import format_named
from reverie_server.request.options import render_request

from tests.models import _weights as random_weights

SMALL: dict[str, Any] = {"size": 24, "steps": 12, "preset": "lucid"}
FORMATS = choices(spec_pb2.ImageFormat.DESCRIPTOR)


def objective(text: str) -> objective_pb2.Objective:
    return text_format.Parse(text, objective_pb2.Objective())


DIVERSE = objective(
    "sum { terms { objective { channel { layer: 'conv2_1' channel: 1 } } }"
    " terms { objective { diversity { layer: 'conv2_1' } } weight: 0.1 } }"
)
MIXED = objective(
    "interpolation { from { channel { layer: 'conv2_1' channel: 1 } } to { channel { layer: 'conv2_1' channel: 2 } } }"
)
ALIGNED = objective(
    "sum { terms { objective { interpolation { from { channel { layer: 'conv2_1' channel: 1 } }"
    " to { channel { layer: 'conv2_1' channel: 2 } } } } } terms { objective { alignment { layer: 'pool1' } } } }"
)
ALONE = objective("channel { layer: 'conv2_1' channel: 1 }")


def render(engine: Engine, *, goal: objective_pb2.Objective = ALONE, **options: Any) -> Rendering:
    return engine.render("tiny", objective=goal, **(SMALL | options))


def same(one: Rendering, other: Rendering) -> bool:
    """Return whether two renders have the same result to the last bit."""
    numbers = (one.activation, one.robustness, one.seed, one.steps, one.outcome) == (
        other.activation,
        other.robustness,
        other.seed,
        other.steps,
        other.outcome,
    )
    return numbers and _bytes(one) == _bytes(other)


def _bytes(made: Rendering) -> list[bytes]:
    arrays = [*pictures(made), made.history, *([made.importance.array] if made.importance else [])]
    return [array.tobytes() for array in arrays]


def pictures(made: Rendering) -> list[npt.NDArray[np.float32]]:
    """Return the pictures of a group."""
    return [each.array for each in made.images]


# What a render may ask for besides the picture.
ASKED: dict[str, dict[str, Any]] = {
    "two": {"pictures": 2},
    "three diverse": {"pictures": 3, "goal": DIVERSE},
    "three mixed": {"pictures": 3, "goal": MIXED},
    "three aligned": {"pictures": 3, "goal": ALIGNED},
    "best of three": {"best_of": 3},
    "importance": {"importance": True},
    "robustness": {"robustness": True},
    "views": {"views": 3},
    "penalty": {"penalties": {"tv": 0.001}},
    "all": {
        "pictures": 2,
        "goal": DIVERSE,
        "best_of": 2,
        "importance": True,
        "robustness": True,
        "views": 2,
        "view_size": 16,
        "penalties": {"l2": 0.01},
    },
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_same_request_gives_the_same_result(engine: Engine, asked: dict[str, Any]) -> None:
    first, again, other = (render(engine, cache="bypass", seed=seed, **asked) for seed in (0, 0, 9))
    assert same(first, again)
    assert first.spec_digest == again.spec_digest
    assert not same(first, other)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_result_does_not_depend_on_the_others_of_its_batch(models: Path, asked: dict[str, Any]) -> None:
    """Renders of one program with other seeds and steps come and go beside it."""
    requests = [asked | {"seed": n, "steps": 6 + 5 * n} for n in range(4)]
    with Engine([models], device="cpu", threads=1, batch=3) as engine:
        alone = [render(engine, cache="bypass", **each) for each in requests]
        before = engine.stats()
        with ThreadPoolExecutor(len(requests)) as threads:
            together = list(threads.map(lambda each: render(engine, cache="bypass", **each), requests))
        after = engine.stats()
    assert all(map(same, together, alone))
    assert after.runs - before.runs < after.steps - before.steps  # they did share steps


# ----- groups -----


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("goal", [ALONE, DIVERSE, MIXED, ALIGNED], ids=["alone", "diverse", "mixed", "aligned"])
def test_a_group_has_so_many_different_pictures(engine: Engine, count: int, goal: objective_pb2.Objective) -> None:
    made = render(engine, goal=goal, pictures=count)
    assert len(made.images) == count
    assert made.images[1:] == made.others
    for picture in pictures(made):
        assert picture.shape == (24, 24, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
    for one, other in combinations(pictures(made), 2):
        assert np.abs(one - other).max() > 0.01
    assert made.outcome == "converged"
    assert np.isfinite(made.history).all()


def test_a_render_without_a_group_has_one_picture(engine: Engine) -> None:
    made = render(engine)
    assert made.others == ()
    assert (made.importance, made.robustness, made.seed) == (None, None, 0)
    message = made.message(spec_pb2.IMAGE_FORMAT_PNG)
    assert (list(message.images), message.HasField("importance"), message.HasField("robustness")) == ([], False, False)


@pytest.mark.parametrize("form", FORMATS)
def test_a_message_has_all_pictures_of_a_group_and_the_first_of_them(engine: Engine, form: str) -> None:
    made = render(engine, pictures=3)
    message = made.message(format_named(form))
    assert len(message.images) == 3
    assert all((image.format, image.height_px, image.width_px) == (FORMATS[form], 24, 24) for image in message.images)
    assert len({image.data for image in message.images}) == 3
    if form == "raw":
        for image, picture in zip(message.images, pictures(made), strict=True):
            planes = np.frombuffer(image.data, "<f4").reshape(3, 24, 24)
            np.testing.assert_array_equal(planes.transpose(1, 2, 0), picture)
        assert message.image == message.images[0]


def test_the_ends_of_an_interpolation_excite_their_own_objective_most(engine: Engine) -> None:
    made = render(engine, goal=MIXED, pictures=3, steps=60)
    scores = np.array([_activations(engine, picture) for picture in pictures(made)])  # [picture, channel 1 and 2]
    assert scores[0, 0] > scores[1, 0] > scores[2, 0]
    assert scores[2, 1] > scores[1, 1] > scores[0, 1]


def _activations(engine: Engine, picture: npt.NDArray[np.float32]) -> list[float]:
    """Return the means of channels 1 and 2 of conv2_1 of the tiny model for a picture, computed by numpy."""
    weights = random_weights(0, 0.0, 1.0, 3)
    x = (picture.transpose(2, 0, 1).astype(np.float64) - 0.5) / 0.25
    x = np.maximum(0, _convolved(x, weights["conv1_1_w"], weights["conv1_1_b"]))
    x = x.reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
    return [float(each.mean()) for each in _convolved(x, weights["conv2_1_w"], weights["conv2_1_b"])[1:3]]


def _convolved(x: npt.NDArray[Any], kernel: npt.NDArray[Any], bias: npt.NDArray[Any]) -> npt.NDArray[Any]:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    made: npt.NDArray[Any] = np.einsum("chwij,kcij->khw", windows, kernel) + bias[:, None, None]
    return made


# ----- attempts -----


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1])
@pytest.mark.parametrize("extra", [{}, {"importance": True, "robustness": True}], ids=["plain", "measured"])
def test_the_best_of_some_seeds_is_the_best_single_render(
    engine: Engine, count: int, seed: int, extra: dict[str, Any]
) -> None:
    singles = [render(engine, seed=(seed + n) % 2**32, **extra) for n in range(count)]
    best = max(singles, key=lambda single: single.activation)  # the first of equal ones
    made = render(engine, seed=seed, best_of=count, **extra)
    assert same(made, best)
    assert made.seed == best.seed == best.spec.seed
    assert made.spec.seed == seed
    assert made.spec_digest != best.spec_digest


def test_a_later_seed_can_be_the_best(engine: Engine) -> None:
    """The test above would say little if the first attempt always won."""
    assert {render(engine, seed=seed, best_of=4).seed - seed for seed in range(6)} > {0}


def test_the_progress_of_attempts_counts_all_steps(engine: Engine) -> None:
    options = {**SMALL, "best_of": 3, "progress_every": 1, "cache": "bypass"}
    events = list(engine.stream("tiny", objective=ALONE, **options))
    progress = [event for event in events if isinstance(event, Progress) and event.step]
    assert [event.step for event in progress] == sorted({event.step for event in progress})
    assert {event.steps for event in progress} == {36}
    assert isinstance(events[-1], Rendering)
    assert events[-1].steps == len(events[-1].history) == 12


# ----- an early end -----


@pytest.mark.parametrize("transforms", ["none", "lucid"])
def test_a_render_ends_once_its_activation_is_reached(engine: Engine, transforms: str) -> None:
    options: dict[str, Any] = {"steps": 40, "transforms": transforms}
    whole = render(engine, **options)
    wanted = float(np.float32(whole.activation / 2))
    made = render(engine, stop_at=wanted, **options)
    assert made.outcome == "reached"
    assert made.outcome_detail == f"The activation reached what was asked for after {made.steps} steps."
    assert made.activation >= wanted
    assert made.steps == len(made.history) < 40
    assert made.message(spec_pb2.IMAGE_FORMAT_PNG).outcome == spec_pb2.OUTCOME_REACHED
    # It is what the whole render had made by then.
    assert made.history.tobytes() == whole.history[: made.steps].tobytes()
    (frame,) = render(engine, frames_at=[made.steps], **options).frames
    assert made.array.tobytes() == frame.array.tobytes()


def test_without_transforms_a_render_ends_at_the_first_step_that_reaches_it(engine: Engine) -> None:
    whole = render(engine, steps=40, transforms="none")
    wanted = float(whole.history[20])
    made = render(engine, steps=40, transforms="none", stop_at=wanted)
    before = whole.history[: made.steps]  # each step's, before its update
    assert made.steps == int(np.argmax(whole.history >= np.float32(wanted))) + 1
    assert (before[:-1] < wanted).all()


def test_a_number_that_is_reached_from_the_start_ends_after_one_step(engine: Engine) -> None:
    made = render(engine, stop_at=-1e30)
    assert (made.outcome, made.steps) == ("reached", 1)


def test_a_number_that_is_not_reached_changes_nothing(engine: Engine) -> None:
    made, plain = render(engine, stop_at=1e30), render(engine)
    assert same(made, plain)
    assert made.outcome == "converged"
    assert made.spec_digest != plain.spec_digest


# ----- importance -----


def ascended(engine: Engine, **options: Any) -> Result:
    """Return the result of the ascent alone, without the server."""
    request, wrong = render_request("tiny", None, None, {**SMALL, "objective": ALONE, **options})
    assert not wrong
    checked = engine.check(request)
    program = build(checked.model, checked.recipe, batch=1, device=Device("cpu", (CPU.provider,), 1))
    (result,) = (event for event in ascend(program, [checked.recipe]) if isinstance(event, Result))
    return result


@pytest.mark.parametrize("pictures", [1, 2])
def test_the_opacity_is_the_importance_clipped_at_its_80th_percentile(engine: Engine, pictures: int) -> None:
    made = render(engine, importance=True, pictures=pictures)
    measured = ascended(engine, importance=True, pictures=pictures).importance
    assert made.importance is not None
    assert measured is not None
    shown = made.importance.array
    assert shown.shape == (24, 24, 4)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(shown[..., :3], made.array)
    mean, opacity = measured[0].mean(axis=0), shown[..., 3]
    np.testing.assert_allclose(opacity, np.minimum(1, mean / np.percentile(mean, 80)), rtol=1e-5)
    assert (opacity == 1).sum() == np.ceil(0.2 * mean.size)  # 576 pixels, all different
    assert 0 <= opacity.min() < 0.9


@pytest.mark.parametrize(("form", "encoded"), [("png", "PNG"), ("webp", "WEBP"), ("jpeg", "PNG")])
def test_the_importance_is_a_picture_with_an_opacity(engine: Engine, form: str, encoded: str) -> None:
    made = render(engine, importance=True)
    image = made.message(format_named(form)).importance
    assert image.format == format_named(encoded.lower())
    assert (image.height_px, image.width_px) == (24, 24)
    with Image.open(BytesIO(image.data)) as opened:
        assert (opened.format, opened.mode, opened.size) == (encoded, "RGBA", (24, 24))
        pixels = np.asarray(opened)
    assert made.importance is not None
    np.testing.assert_array_equal(pixels, np.floor(made.importance.array * 255 + 0.5).astype(np.uint8))


def test_a_raw_importance_has_four_planes(engine: Engine) -> None:
    made = render(engine, importance=True)
    image = made.message(spec_pb2.IMAGE_FORMAT_RAW).importance
    planes = np.frombuffer(image.data, "<f4").reshape(4, 24, 24)
    assert made.importance is not None
    np.testing.assert_array_equal(planes.transpose(1, 2, 0), made.importance.array)


def test_the_importance_does_not_change_the_picture(engine: Engine) -> None:
    made, plain = render(engine, importance=True, robustness=True), render(engine)
    assert made.array.tobytes() == plain.array.tobytes()
    assert made.history.tobytes() == plain.history.tobytes()


# ----- robustness -----


def test_the_robustness_is_finite_and_has_draws_of_its_own(engine: Engine) -> None:
    made = [render(engine, robustness=True, cache="bypass", steps=40, seed=seed).robustness for seed in (0, 0, 1)]
    assert all(each is not None and np.isfinite(each) for each in made)
    assert made[0] == made[1] != made[2]


def test_a_picture_that_is_not_transformed_has_the_robustness_1(engine: Engine) -> None:
    still = transform_pb2.Transform(flip=transform_pb2.FlipTransform(probability=0))
    made = render(engine, robustness=True, transforms=[still])
    assert made.robustness == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("views", [1, 3, 64])
def test_the_robustness_hardly_depends_on_the_views(engine: Engine, views: int) -> None:
    """It is the mean of 64 draws or a few more; rolls change a little of a mean over all positions."""
    roll = transform_pb2.Transform(roll=transform_pb2.RollTransform(px=4))
    made = render(engine, robustness=True, transforms=[roll], views=views, steps=20)
    assert made.robustness == pytest.approx(1, abs=0.2)


# ----- views -----


@pytest.mark.parametrize("views", [2, 5])
def test_views_have_transforms_of_their_own(engine: Engine, views: int) -> None:
    one, many = render(engine), render(engine, views=views)
    assert many.array.shape == one.array.shape
    assert many.others == ()
    assert many.array.tobytes() != one.array.tobytes()
    assert many.spec.views == views


@pytest.mark.parametrize("views", [2, 5])
def test_views_without_transforms_are_all_the_same_picture(engine: Engine, views: int) -> None:
    one, many = (render(engine, transforms="none", views=count) for count in (1, views))
    np.testing.assert_allclose(many.array, one.array, atol=1e-3)
    np.testing.assert_allclose(many.history, one.history, rtol=1e-3, atol=1e-4)


def test_the_objective_of_views_is_their_mean(engine: Engine) -> None:
    """Each of 8 views is mirrored or not, so their mean is one of nine numbers."""
    noise = parametrization_pb2.Parametrization(pixel=parametrization_pb2.PixelParametrization(deviation=2))

    def first(probability: float, views: int, seed: int) -> float:
        flip = transform_pb2.Transform(flip=transform_pb2.FlipTransform(probability=probability))
        made = render(engine, transforms=[flip], views=views, steps=1, seed=seed, parametrization=noise)
        return float(made.history[0])

    counts = []
    for seed in range(5):
        plain, mirrored, mean = first(0, 1, seed), first(1, 1, seed), first(0.5, 8, seed)
        share = (mean - plain) / (mirrored - plain)
        counts.append(round(8 * share))
        assert 8 * share == pytest.approx(counts[-1], abs=0.01)
    assert all(0 <= count <= 8 for count in counts)
    assert len(set(counts)) > 1


@pytest.mark.parametrize("size", [16, 40])
def test_a_view_may_have_another_size_than_the_picture(engine: Engine, size: int) -> None:
    made = render(engine, view_size=size)
    assert made.array.shape == (24, 24, 3)
    assert made.outcome == "converged"
    assert made.array.tobytes() != render(engine).array.tobytes()


# ----- the store -----


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_store_returns_a_result_unchanged(models: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    with Engine([models], device="cpu", threads=1, store=tmp_path) as engine:
        first = render(engine, **asked)
        second = render(engine, **asked)
    with Engine([models], device="cpu", threads=1, store=tmp_path) as engine:
        third = render(engine, **asked, cache="only")
    assert [each.cached for each in (first, second, third)] == [False, True, True]
    for again in (second, third):
        assert same(again, first)
        assert (again.spec, again.spec_digest, again.maker) == (first.spec, first.spec_digest, first.maker)
        for form in FORMATS:
            message, stored = first.message(format_named(form)), again.message(format_named(form))
            message.cached = True
            assert stored == message


def test_the_store_keeps_an_early_end(models: Path, tmp_path: Path) -> None:
    with Engine([models], device="cpu", threads=1, store=tmp_path) as engine:
        first, second = (render(engine, stop_at=-1e30) for _ in range(2))
    assert second.cached
    assert same(first, second)
    assert (second.outcome, second.outcome_detail) == ("reached", first.outcome_detail)
