"""`reverie doctor` and `reverie health`: their output and exit status."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reverie_server import Engine
from reverie_server.process import doctor
from reverie_server.process.doctor_command import doctor as doctor_command
from reverie_server.process.health_command import health as health_command
from reverie_server.process.settings import Settings

from tests.server.hosts import running


def examine(*arguments: str | Path) -> Result:
    return CliRunner().invoke(doctor_command, ["--device", "cpu", *map(str, arguments)])


def test_a_sound_server_passes(models: Path) -> None:
    result = examine("--models", models)
    assert result.exit_code == 0, result.output
    lines = dict(line[7:].split(": ", 1) for line in result.stdout.splitlines())
    assert list(lines) == [what for what, _ in doctor.CHECKS]
    assert all(line.startswith("ok ") for line in result.stdout.splitlines())
    assert lines["models"].startswith("tiny (")
    assert lines["one step"].startswith("tiny conv1_1 at 64 x 64 px")
    assert "CPUExecutionProvider" in lines["device"]


def test_the_places_of_pictures_and_jobs_are_named(models: Path, tmp_path: Path) -> None:
    result = examine("--models", models, "--store", tmp_path / "results", "--jobs", tmp_path / "jobs.sqlite")
    lines = dict(line[7:].split(": ", 1) for line in result.stdout.splitlines())
    assert lines["store"] == str(tmp_path / "results")
    assert lines["jobs"] == str(tmp_path / "jobs.sqlite")
    assert lines["telemetry"].startswith("off")
    assert "cpu works" in lines["devices"]


def test_a_home_that_cannot_be_written_to_is_wrong(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    lines = examine("--models", models).stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert len(wrong) == 2
    assert all("finished pictures and jobs are not kept" in line and "--store and --jobs" in line for line in wrong)


def test_a_broken_model_and_an_expired_certificate_are_wrong(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "manifest.json").write_text("{}")
    pems = Path(__file__).parents[2] / "client" / "tls"
    result = examine(
        *("--models", tmp_path / "models", "--tls-cert", pems / "expired.pem", "--tls-key", pems / "expired.key")
    )
    wrong = [line for line in result.stdout.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 2
    assert "models: broken is broken: " in wrong[0]
    assert "TLS: the certificate in" in wrong[1]
    assert "expired on 2021-01-01" in wrong[1]


# A problem, and the line that reports it.
ILLS = [
    (["--models", "/nowhere"], "models: /nowhere is not a folder"),
    (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"], "TLS: /nowhere.pem cannot be read"),
    (["--keys", "/nowhere.json"], "API keys: the keys in /nowhere.json cannot be read"),
]


@pytest.mark.parametrize(("arguments", "message"), ILLS)
def test_a_problem_is_reported_and_the_other_checks_still_run(arguments: list[str], message: str) -> None:
    result = examine(*arguments)
    assert result.exit_code == 1
    wrong = [line for line in result.stdout.splitlines() if line.startswith("WRONG")]
    assert any(message in line for line in wrong)
    assert len(result.stdout.splitlines()) == len(doctor.CHECKS)


def test_each_node_of_a_program_is_explained() -> None:
    result = examine("--lowering", "texture19/conv4_2", "--plan", "avx2")
    assert result.exit_code == 0, result.output
    title, plan, counted, *lines = result.stdout.splitlines()
    assert title.startswith("texture19/conv4_2 at 224 x 224 px for cpu-")
    assert plan.startswith("plan avx2: ")
    lowered = [line for line in lines if line.startswith("lowered")]
    assert counted == f"{len(lowered)} of {len(lines)} nodes are lowered"
    assert any("Conv" in line and "Winograd's products" in line for line in lowered)
    assert any("Relu" in line and "like its neighbours" in line for line in lowered)
    plain = [line for line in lines if line.startswith("plain")]
    assert len(plain) + len(lowered) == len(lines)
    assert any("MatMul" in line and "there is no rule for this operator" in line for line in plain)


def test_an_exact_device_lowers_nothing_and_says_so() -> None:
    result = examine("--lowering", "texture19/conv1_1", "--exact")
    assert result.exit_code == 0, result.output
    _, _, counted, *lines = result.stdout.splitlines()
    assert counted.startswith("0 of ")
    assert all("an exact device runs the graph as it was exported" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "message"), [("texture19/conv9_9", "no layer 'conv9_9'"), ("nobody/conv1_1", "no model 'nobody'")]
)
def test_an_unknown_layer_cannot_be_explained(name: str, message: str) -> None:
    result = examine("--lowering", name)
    assert result.exit_code == 2
    assert message in result.stderr


def test_two_runtimes_in_one_folder_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "1.30")
    found = {each.subject: each for each in doctor.findings(Settings(models=(Path("/nowhere"),)))}
    assert not found["ONNX Runtime"].ok
    assert "Uninstall both" in found["ONNX Runtime"].detail


async def test_health_is_an_exit_status(engine: Engine) -> None:
    async with running(engine, Settings(listen="127.0.0.1:0")) as address:
        for arguments, code, message in (
            ([address], 0, "SERVING\n"),
            ([address, "--service", "reverie.v1.VisualizationService"], 0, "SERVING\n"),
            ([address, "--service", "nobody"], 1, ""),
        ):
            result = await asyncio.to_thread(CliRunner().invoke, health_command, arguments)
            assert (result.exit_code, result.stdout) == (code, message)
    result = CliRunner().invoke(health_command, [address, "--timeout", "1"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {address} does not answer: ")
