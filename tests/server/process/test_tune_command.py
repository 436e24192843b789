"""`reverie tune` writes plans that `reverie serve --plan` accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from reverie_ascent.autotune import benchmark
from reverie_ascent.plan import find, shipped, tuned_path
from reverie_ascent.runtime import instruction_set
from reverie_server import Engine
from reverie_server.process.tune_command import tune

OURS = instruction_set.cpu()
KIND = f"cpu-{OURS.name}"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replace the measurements: every rate is that of another class's plan."""
    other = shipped("neon" if OURS.plan != "neon" else "avx2")
    monkeypatch.setattr(benchmark, "rates", lambda device: other.rates)
    monkeypatch.setattr(benchmark, "batch_curve", lambda device: {1: 1.0, 2: 3.0})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("measured")
def test_a_tuned_plan_is_another_maker_and_only_used_on_request(models: Path) -> None:
    result = CliRunner().invoke(tune, ["--device", "cpu", "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert str(tuned_path(KIND)) in result.stdout
    assert "reverie serve --plan tuned" in result.stdout
    with Engine([models], device="cpu") as plain, Engine([models], device="cpu", plan="tuned") as tuned:
        assert plain.maker.plan == shipped(OURS.plan).digest
        assert tuned.maker.plan == find("tuned", KIND).digest != plain.maker.plan
        assert tuned.info().maker != plain.info().maker
        assert tuned.info().device_class == plain.info().device_class


@pytest.mark.usefixtures("measured")
def test_a_plan_can_be_written_for_other_machines(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    result = CliRunner().invoke(tune, ["--device", "cpu", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert find(str(path), KIND).batch == 1
    assert not tuned_path(KIND).exists()


@pytest.mark.usefixtures("measured")
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(tune, ["--device", "cpu", "-o", str(tmp_path / "file" / "plan.json")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert "choose another file with -o" in result.stderr
