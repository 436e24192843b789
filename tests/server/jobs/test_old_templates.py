"""Templates of jobs that earlier versions wrote, whose parametrization, transforms and schedule were a number each."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.unknown_fields import UnknownFieldSet
from reverie_ascent.recipe import Recipe, Term
from reverie_ascent.recipe.optimizer import Adam, Constant, OneCycle
from reverie_ascent.recipe.parametrization import Fourier, Pixel
from reverie_ascent.recipe.transform import LUCID
from reverie_proto.v1.jobs_pb2 import ChannelRange, CreateRenderJobRequest, JobLayer
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import RenderImageRequest
from reverie_server import Engine, Limits
from reverie_server.jobs.database import JobDatabase
from reverie_server.jobs.old_templates import SETTINGS, with_settings
from reverie_server.jobs.repository import JobRepository
from reverie_server.jobs.request import Item, JobRequest

from tests.server.jobs.test_jobs import Open, at, ended, state, wait_for

__all__ = ["at"]  # a fixture

#: The numbers of the fields in which an earlier version named its settings.
PARAMETRIZATION, TRANSFORMS, SCHEDULE = 9, 10, 11

# A field of an earlier version, its value, and the fields of today that mean the same.
MEANINGS = [
    (PARAMETRIZATION, 1, "parametrization { fourier {} }"),
    (PARAMETRIZATION, 2, "parametrization { pixel {} }"),
    (TRANSFORMS, 1, "transforms { set: 'none' }"),
    (TRANSFORMS, 2, "transforms { set: 'lucid' }"),
    (SCHEDULE, 1, "schedule { constant {} }"),
    (SCHEDULE, 2, "schedule { one_cycle {} }"),
]
LAYERS = [JobLayer(layer="conv1_1", channels=[ChannelRange(first=0, last=1)])]
#: A template as an earlier version stored it, with all that it knew but the settings.
TEMPLATE = "model: 'tiny' size { height_px: 16 width_px: 16 } steps: 2 learning_rate: 0.05 seed: 3 preset: 'lucid'"


def varint(number: int) -> bytes:
    """Return a whole number as the wire has it."""
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def old(settings: Mapping[int, int], template: str = TEMPLATE) -> bytes:
    """Return the request of an earlier version."""
    spec = text_format.Parse(template, RenderSpec())
    spec.MergeFromString(b"".join(varint(field << 3) + varint(value) for field, value in settings.items()))
    return CreateRenderJobRequest(template=spec, layers=LAYERS).SerializeToString()


def renewed(settings: Mapping[int, int]) -> RenderSpec:
    """Return the template of today."""
    request = with_settings(old(settings))
    assert request is not None
    message = CreateRenderJobRequest.FromString(request)
    assert list(message.layers) == LAYERS
    unknown: Any = UnknownFieldSet(message.template)
    assert len(unknown) == 0
    return message.template


def parsed(text: str) -> RenderSpec:
    return text_format.Parse(f"{TEMPLATE} {text}", RenderSpec())


def test_every_setting_has_a_row() -> None:
    assert {(field, value) for field, values in SETTINGS.items() for value in values} == {
        (field, value) for field, value, _ in MEANINGS
    }


@pytest.mark.parametrize(("field", "value", "meaning"), MEANINGS)
def test_a_number_becomes_the_field_that_means_the_same(field: int, value: int, meaning: str) -> None:
    assert renewed({field: value}) == parsed(meaning)


@pytest.mark.parametrize("rows", list(itertools.product(MEANINGS[:2], MEANINGS[2:4], MEANINGS[4:])))
def test_all_numbers_of_a_template_are_read(rows: tuple[tuple[int, int, str], ...]) -> None:
    meaning = " ".join(text for _, _, text in rows)
    assert renewed({field: value for field, value, _ in rows}) == parsed(meaning)


@pytest.mark.parametrize("field", [PARAMETRIZATION, TRANSFORMS, SCHEDULE])
@pytest.mark.parametrize("value", [0, 3, 200, 2**40])
def test_a_number_that_meant_nothing_leaves_the_presets_setting(field: int, value: int) -> None:
    assert renewed({field: value}) == parsed("")


def test_the_last_of_several_numbers_counts() -> None:
    """As for every reader of the wire."""
    spec = text_format.Parse(TEMPLATE, RenderSpec())
    spec.MergeFromString(b"".join(varint(TRANSFORMS << 3) + varint(value) for value in (1, 2)))
    request = with_settings(CreateRenderJobRequest(template=spec).SerializeToString())
    assert CreateRenderJobRequest.FromString(request or b"").template == parsed("transforms { set: 'lucid' }")


# Requests that stay as they are.
UNCHANGED = {
    "empty": b"",
    "without numbers": old({}),
    "with today's fields": CreateRenderJobRequest(template=parsed("transforms { set: 'none' }")).SerializeToString(),
    "with numbers of other fields": old({4: 224, 99: 1}),
    "damaged": b"\xff" * 20,
    "cut off": old({TRANSFORMS: 1})[:5],
}


@pytest.mark.parametrize("request_bytes", UNCHANGED.values(), ids=UNCHANGED)
def test_any_other_request_stays_as_it_is(request_bytes: bytes) -> None:
    assert with_settings(request_bytes) is None


def test_a_renewed_request_stays_as_it_is() -> None:
    request = with_settings(old({PARAMETRIZATION: 2, TRANSFORMS: 1, SCHEDULE: 2}))
    assert request is not None
    assert with_settings(request) is None


# The settings of an earlier version, and what they meant.
RECIPES: list[tuple[dict[int, int], dict[str, Any]]] = [
    ({}, {"parametrization": Fourier(), "transforms": LUCID, "schedule": Constant(), "optimizer": Adam()}),
    (
        {PARAMETRIZATION: 1, TRANSFORMS: 2, SCHEDULE: 1},
        {"parametrization": Fourier(), "transforms": LUCID, "schedule": Constant(), "optimizer": Adam(0.9, 0.999)},
    ),
    (
        {PARAMETRIZATION: 2, TRANSFORMS: 1, SCHEDULE: 2},
        {"parametrization": Pixel(), "transforms": (), "schedule": OneCycle(), "optimizer": Adam(0.5, 0.9)},
    ),
]


@pytest.mark.parametrize(("settings", "meaning"), RECIPES)
def test_a_template_means_what_it_meant(engine: Engine, settings: dict[int, int], meaning: dict[str, Any]) -> None:
    request = old(settings)
    template = CreateRenderJobRequest.FromString(with_settings(request) or request).template
    made = engine.check(RenderImageRequest(spec=Item(0, "conv1_1", 1).spec(template))).recipe
    rate = float(np.float32(0.05))
    assert made == Recipe((Term("channel", "conv1_1", channel=1),), (16, 16), 2, rate, 3, **meaning)


# ----- files -----


def write_version_3(path: Path, requests: list[bytes]) -> None:
    """Write a file of jobs as version 3 of the tables had it, with a job of two pictures for each request."""
    repository = JobRepository(JobDatabase(path), Limits())
    for number in range(len(requests)):
        items = [Item(0, "conv1_1", 0), Item(1, "conv1_1", 1)]
        repository.create(f"job-{number}", JobRequest(parsed(""), LAYERS, items), "")
    repository.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE items DROP COLUMN seed")
        for number, request in enumerate(requests):
            connection.execute("UPDATE jobs SET request = ? WHERE id = ?", (request, f"job-{number}"))
        connection.execute("PRAGMA user_version = 3")


def stored(path: Path) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [request for (request,) in connection.execute("SELECT request FROM jobs ORDER BY number")]


def test_a_file_of_an_earlier_version_is_renewed_once_and_other_requests_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    written = [old({TRANSFORMS: 1}), *UNCHANGED.values(), old({SCHEDULE: 2})]
    write_version_3(path, written)
    JobDatabase(path).close()
    expected = [with_settings(request) or request for request in written]
    assert stored(path) == expected != written
    JobDatabase(path).close()
    assert stored(path) == expected


def test_a_job_of_an_earlier_version_makes_the_pictures_that_it_meant(at: Open, tmp_path: Path) -> None:
    settings = {PARAMETRIZATION: 2, TRANSFORMS: 1, SCHEDULE: 2}
    write_version_3(tmp_path / "jobs.sqlite", [old(settings)])
    engine = at()
    assert state(wait_for(engine, "job-0", ended)) == "SUCCEEDED"
    for channel in (0, 1):
        rendering = engine.render(
            "tiny",
            "conv1_1",
            channel,
            size=16,
            steps=2,
            learning_rate=0.05,
            seed=3,
            preset="lucid",
            parametrization="pixel",
            transforms="none",
            schedule="one_cycle",
        )
        assert rendering.cached
