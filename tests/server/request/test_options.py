"""Options of `Engine.render`: any wrong value is a violation, like those of the gRPC service."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reverie_proto.v1 import spec_pb2
from reverie_server import Engine, InvalidRequest
from reverie_server.request.options import RenderOptions

from tests.sizes import square
from tests.wrong_values import INTEGER, POSITIONS, SHARED, arguments, named, rows

OPTIONS = SHARED | {"frame_size": ("frames.max_size_px", INTEGER)}


@pytest.mark.parametrize(("name", "field", "value"), rows(OPTIONS | POSITIONS), ids=named)
def test_a_wrong_value_is_a_violation(engine: Engine, name: str, field: str, value: Any) -> None:
    for call in (engine.render, engine.stream):
        with pytest.raises(InvalidRequest) as refused:
            call(**arguments(name, value))
        fields = {violation.field.partition("[")[0] for violation in refused.value.violations}
        # If a spec cannot be read, its model and its objective are missing as well.
        assert fields == ({field, "spec.model", "spec.objective"} if name == "spec" else {field})


def test_all_violations_are_reported_at_once(engine: Engine) -> None:
    # A list of transforms is valid, so only what is in it can be wrong.
    wrong: Any = {name: {} if name == "transforms" else [None] for name in OPTIONS if name not in ("spec", "objective")}
    layer: Any = 5
    channel: Any = [5]
    with pytest.raises(InvalidRequest) as refused:
        engine.render("tiny", layer, channel, **wrong)
    fields = [violation.field.partition("[")[0] for violation in refused.value.violations]
    assert sorted(fields) == sorted(
        [*(OPTIONS[name][0] for name in wrong), "spec.objective.channel.layer", "spec.objective.channel.channel"]
    )


def test_numbers_of_numpy_are_numbers(engine: Engine) -> None:
    channel: Any = np.int64(3)
    options: Any = {
        "size": np.int32(32),
        "steps": np.uint8(2),
        "learning_rate": np.float32(0.05),
        "frames_at": np.arange(2),
    }
    rendering = engine.render("tiny", "conv1_1", channel, **options)
    assert rendering.spec.objective.channel.channel == 3
    assert len(rendering.frames) == 2


def test_other_options_change_a_spec(engine: Engine) -> None:
    spec = spec_pb2.RenderSpec(model="tiny", size=square(32), steps=4)
    spec.objective.channel.layer = "conv1_1"
    rendering = engine.render(spec=spec, steps=2)
    assert (rendering.spec.size, rendering.spec.steps) == (square(32), 2)


def test_the_table_has_every_option() -> None:
    assert set(OPTIONS) == set(RenderOptions.__annotations__)
