"""Options of every call: any wrong value is a violation, and nothing is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reverie
from reverie._options import JobOptions, StreamOptions
from reverie_proto.options import SpecOptions

from tests.client.scripted import Script
from tests.sizes import square
from tests.wrong_values import CHOICE, INTEGER, NOT_A_NUMBER, POSITIONS, SHARED, TEXT, arguments, named, rows

OPTIONS = SHARED | {
    "format": ("format", CHOICE),
    "frame_size": ("frames.max_size_px", INTEGER),
    "frame_format": ("frames.format", CHOICE),
    "timeout": ("timeout", [*(v for v in NOT_A_NUMBER if v is not None), float("nan"), -1, 1e300, 10**5000]),
}


@pytest.mark.parametrize(("name", "field", "value"), rows(OPTIONS | POSITIONS), ids=named)
def test_a_wrong_value_is_a_violation_and_nothing_is_sent(
    client: reverie.Client, script: Script, name: str, field: str, value: Any
) -> None:
    calls: list[Any] = [client.stream] if name == "progress_every" else [client.render, client.stream]
    for call in calls:
        with pytest.raises(reverie.InvalidRequest) as refused:
            list(call(**arguments(name, value)))
        (violation,) = refused.value.violations
        assert violation.field.partition("[")[0] == field
    assert not script.requests


@pytest.mark.parametrize("name", [*SpecOptions.__annotations__, "timeout"])
def test_a_job_refuses_the_same_values(client: reverie.Client, script: Script, name: str) -> None:
    field, values = OPTIONS[name]
    for value in values:
        options: Any = {name: value}
        with pytest.raises(reverie.InvalidRequest) as refused:
            client.create_job("tiny", ["conv1_1"], **options)
        (violation,) = refused.value.violations
        assert violation.field.partition("[")[0] == field.replace("spec.", "template.")
    assert not script.requests


LAYERS: list[tuple[Any, str]] = [
    (5, "layers"),
    (b"conv1_1", "layers"),
    ([5], "layers[0].layer"),
    ([None], "layers[0].layer"),
    ({"conv1_1": None, 5: None}, "layers[1].layer"),
    ({"conv1_1": 5}, "layers[0].channels"),
    ({"conv1_1": "12"}, "layers[0].channels"),
    ({"conv1_1": [1, True]}, "layers[0].channels[1].first"),
    ({"conv1_1": [float("nan")]}, "layers[0].channels[0].first"),
]


@pytest.mark.parametrize(("layers", "field"), LAYERS, ids=str)
def test_layers_of_a_job_are_names_and_channels(
    client: reverie.Client, script: Script, layers: Any, field: str
) -> None:
    with pytest.raises(reverie.InvalidRequest) as refused:
        client.create_job("tiny", layers)
    assert field in [violation.field for violation in refused.value.violations]
    assert not script.requests


@pytest.mark.parametrize("value", [value for value in TEXT if value is not None], ids=named)
def test_names_in_other_calls_must_be_strings(client: reverie.Client, script: Script, value: Any) -> None:
    for call in (lambda: client.layers(value), lambda: client.job(value).info(), lambda: client.job(value).cancel()):
        with pytest.raises(reverie.InvalidRequest):
            call()
    assert not script.requests


def test_all_violations_are_reported_at_once(client: reverie.Client) -> None:
    # A list of transforms is valid, so only what is in it can be wrong.
    wrong: Any = {name: {} if name == "transforms" else [None] for name in OPTIONS if name not in ("spec", "objective")}
    layer: Any = 5
    with pytest.raises(reverie.InvalidRequest) as refused:
        client.render("tiny", layer, layer, **{name: wrong[name] for name in wrong if name != "progress_every"})
    fields = {violation.field.partition("[")[0] for violation in refused.value.violations}
    named = {field for name, (field, _) in OPTIONS.items() if name in wrong and name != "progress_every"}
    assert fields == named | {"spec.objective.channel.layer"}


def test_numbers_of_numpy_are_numbers(client: reverie.Client, script: Script) -> None:
    channel: Any = np.int64(3)
    options: Any = {"size": np.int32(32), "learning_rate": np.float32(0.5), "frames_at": np.arange(2)}
    client.render("tiny", "conv1_1", channel, timeout=np.float64(30), **options)
    (request,) = script.requests
    assert (request.spec.size, request.spec.learning_rate, list(request.frames.steps)) == (square(32), 0.5, [0, 1])
    assert request.spec.objective.channel.channel == 3


def test_objectives_must_fit_their_fields(client: reverie.Client, script: Script) -> None:
    odd: Any = float("nan")
    objective = reverie.channel("c", odd) + 2 * reverie.neuron(odd, 1, True) + reverie.logit(odd)
    with pytest.raises(reverie.InvalidRequest) as refused:
        client.render("tiny", objective=objective)
    assert [violation.field for violation in refused.value.violations] == [
        "spec.objective.sum.terms[0].objective.channel.channel",
        "spec.objective.sum.terms[1].objective.neuron.layer",
        "spec.objective.sum.terms[1].objective.neuron.y",
        "spec.objective.sum.terms[2].objective.logit.index",
    ]
    assert not script.requests


def test_the_table_has_every_option() -> None:
    assert set(OPTIONS) == set(StreamOptions.__annotations__)
    assert set(JobOptions.__annotations__) == {*SpecOptions.__annotations__, "seeds", "timeout"}
