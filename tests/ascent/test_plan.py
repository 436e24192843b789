"""Files of lowering plans: they are written and read back, and unusable ones are refused with a remedy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reverie_ascent.plan import LoweringPlan, Rates, UnusablePlan, find, save, shipped, shipped_names, tuned_path
from reverie_ascent.runtime.session import choose_device

RATES = Rates({16: 1.0, 256: 0.5}, {16: 2.0}, {16: 3.0}, {16: 4.0}, 0.5)
PLAN = LoweringPlan("avx2", RATES, batch=2, threads=4, origin="made up")


def test_a_written_plan_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.json"
    save(PLAN, path)
    assert find(str(path), "cpu-avx2") == PLAN
    assert [each.name for each in path.parent.iterdir()] == ["mine.json"]  # no half-written file is left


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_plan_says_where_it_comes_from(name: str) -> None:
    plan = find(name, "cpu-avx2")
    assert plan == shipped(name)
    assert plan.name == name
    assert plan.origin.partition(" ")[0].strip(",:") in ("Measured", "Inferred", "From")


def test_a_tuned_plan_is_found_after_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UnusablePlan, match="write it with `reverie tune`"):
        find("tuned", "cpu-avx2")
    save(PLAN, tuned_path("cpu-avx2"))
    assert find("tuned", "cpu-avx2") == PLAN
    with pytest.raises(UnusablePlan):
        find("tuned", "cpu-avx512")


# A change of a plan, and whether it may change pictures.
CHANGES = [
    ({"rates": replace(RATES, conversion=0.6)}, True),
    ({"rates": replace(RATES, plain={16: 1.0})}, True),
    ({"channels_last": True}, True),
    ({"name": "mine"}, False),
    ({"origin": "elsewhere"}, False),
    ({"threads": 1}, False),
    ({"batch": 8}, False),  # the maker contains the batch size in use
]


@pytest.mark.parametrize(("change", "other"), CHANGES, ids=lambda value: str(value)[:24])
def test_the_digest_covers_what_decides_the_lowering(change: dict[str, Any], other: bool) -> None:
    assert (replace(PLAN, **change).digest != PLAN.digest) == other


def test_the_plans_of_two_classes_differ() -> None:
    assert len({shipped(name).digest for name in shipped_names()}) == len(shipped_names())


# The content of a damaged file, and the message.
WHOLE = json.loads((Path(__file__).parents[2] / "ascent/reverie_ascent/plans/avx2.json").read_text())
DAMAGE: list[tuple[Any, str]] = [
    ("", "cannot be used"),
    ("{", "cannot be used"),
    ("[]", "no JSON object"),
    (" " * 70_000, "larger than"),
    (WHOLE | {"format": 2}, "format 2"),
    (WHOLE | {"batch": 0}, "batch is 0"),
    (WHOLE | {"batch": "1"}, "batch is '1'"),
    (WHOLE | {"threads": 0}, "threads is 0"),
    (WHOLE | {"channels_last": 1}, "channels_last is 1"),
    (WHOLE | {"rates": []}, r"rates is \[\]"),
    (WHOLE | {"rates": WHOLE["rates"] | {"plain": {}}}, "plain should hold"),
    (WHOLE | {"rates": WHOLE["rates"] | {"plain": {"x": 1}}}, "invalid literal"),
    (WHOLE | {"rates": WHOLE["rates"] | {"rows": {"16": -1}}}, "rows at 16 is -1"),
    (WHOLE | {"rates": WHOLE["rates"] | {"rows": {"16": None}}}, "rows at 16 is None"),
    (WHOLE | {"rates": WHOLE["rates"] | {"conversion": float("nan")}}, "conversion is nan"),
    ({name: value for name, value in WHOLE.items() if name != "origin"}, "origin is None"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGE, ids=[message for _, message in DAMAGE])
def test_a_damaged_file_is_refused_by_name_and_with_a_remedy(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UnusablePlan, match=message) as caught:
        choose_device("cpu", threads=1, plan=str(path))
    assert str(path) in str(caught.value)
    assert f"`reverie tune -o {path}`" in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("/nowhere/plan.json", "/nowhere/plan.json cannot be read: No such file"),
        ("avx1024", r"no lowering plan 'avx1024'; there are amx, avx2, avx512, .* `reverie tune -o FILE`"),
        ("cuda", "for another kind of device than cpu-"),
    ],
)
def test_a_missing_plan_is_refused(asked: str, message: str) -> None:
    with pytest.raises(UnusablePlan, match=message):
        choose_device("cpu", threads=1, plan=asked)
