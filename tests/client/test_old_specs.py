"""Pictures of earlier versions: the JSON of their specs is read, and makes the same picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import reverie
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from reverie import parametrizations, schedules
from reverie._old_specs import NAMES, translated

OBJECTIVE = {"channel": {"layer": "conv1_1", "channel": 3}}
A = reverie.channel("conv1_1", 3)

#: The text of a PNG that version 0.1 wrote.
OLD = (
    '{"model": "tiny", "model_digest": "d1", "objective": {"channel": {"layer": "conv1_1", "channel": 3}}, '
    '"steps": 64, "learning_rate": 0.5, "seed": 7, "preset": "reverie", "parametrization": "PARAMETRIZATION_FOURIER", '
    '"transforms": "TRANSFORMS_LUCID", "schedule": "SCHEDULE_ONE_CYCLE", "size": {"height_px": 64, "width_px": 96}}'
)
READ = reverie.Spec(
    model="tiny",
    objective=A,
    model_digest="d1",
    size=(64, 96),
    steps=64,
    learning_rate=0.5,
    seed=7,
    preset="reverie",
    parametrization=parametrizations.fourier(),
    transforms="lucid",
    schedule=schedules.one_cycle(),
)

# A field, a name that earlier versions wrote, and what it is today.
FIELDS: list[tuple[str, str, Any]] = [
    ("parametrization", "PARAMETRIZATION_FOURIER", parametrizations.fourier()),
    ("parametrization", "PARAMETRIZATION_PIXEL", parametrizations.pixel()),
    ("transforms", "TRANSFORMS_NONE", "none"),
    ("transforms", "TRANSFORMS_LUCID", "lucid"),
    ("schedule", "SCHEDULE_CONSTANT", schedules.constant()),
    ("schedule", "SCHEDULE_ONE_CYCLE", schedules.one_cycle()),
]


def spec_text(**fields: Any) -> str:
    return json.dumps({"model": "tiny", "objective": OBJECTIVE, **fields})


def test_a_spec_of_an_earlier_version_is_read() -> None:
    assert reverie.Spec.from_json(OLD) == READ


def test_a_picture_of_an_earlier_version_says_how_it_was_made(tmp_path: Path) -> None:
    note = PngInfo()
    note.add_text("reverie", OLD)
    Image.new("RGB", (4, 4)).save(tmp_path / "old.png", pnginfo=note)
    assert reverie.Spec.of_picture(tmp_path / "old.png") == READ


@pytest.mark.parametrize(("field", "name", "today"), FIELDS, ids=[name for _, name, _ in FIELDS])
def test_every_name_has_a_meaning_today(field: str, name: str, today: Any) -> None:
    read = reverie.Spec.from_json(spec_text(**{field: name}))
    options: Any = {field: today}
    assert read == reverie.Spec("tiny", A, **options)


def test_the_table_has_every_name() -> None:
    assert {(field, name) for field, name, _ in FIELDS} == {(field, name) for field in NAMES for name in NAMES[field]}


@pytest.mark.parametrize("text", [OLD, READ.to_json(), spec_text(seed=1)])
def test_what_is_read_is_written_in_todays_form(text: str) -> None:
    today = reverie.Spec.from_json(text).to_json()
    assert json.loads(translated(today)) == json.loads(today)
    assert reverie.Spec.from_json(today) == reverie.Spec.from_json(text)


# Texts that are no specs, neither of this version nor of an earlier one.
WRONG = [
    ("", "Expecting value"),
    ("{", "Expecting property name"),
    ("[]", ""),
    ("3", ""),
    ("null", ""),
    ('"reverie"', ""),
    ("[" * 100_000, ""),
    ('{"a":' * 100_000, ""),
    (spec_text(parametrization="PARAMETRIZATION_SMELL"), "parametrization"),
    (spec_text(parametrization="fourier"), "parametrization"),
    (spec_text(schedule="TRANSFORMS_LUCID"), "schedule"),
    (spec_text(transforms=["TRANSFORMS_LUCID"]), "transforms"),
    (spec_text(schedule=1), "schedule"),
    (spec_text(steps="PARAMETRIZATION_FOURIER"), "steps"),
    (spec_text(smell=1), "smell"),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[text[-40:] for text, _ in WRONG])
def test_a_text_that_is_no_spec_is_refused(text: str, words: str) -> None:
    with pytest.raises(reverie.UsageError) as refused:
        reverie.Spec.from_json(text)
    assert str(refused.value).startswith("This text is not the spec of a picture: ")
    assert words in str(refused.value)
