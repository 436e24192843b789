"""The settings of a server: precedence of their sources, errors, and the printed form."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from reverie_server.limits import Limits
from reverie_server.process.config import Misconfigured, configure, toml
from reverie_server.process.config_docs import updated
from reverie_server.process.serve_command import serve
from reverie_server.process.settings import Settings, table

NONE: dict[str, str] = {}


def settings_from(
    flags: dict[str, Any] | None = None, environment: dict[str, str] = NONE, file: Path | None = None
) -> Settings:
    return configure(flags or {}, environment, file).settings


def written(folder: Path, text: str) -> Path:
    path = folder / "reverie.toml"
    path.write_text(text)
    return path


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(serve, [str(each) for each in arguments], prog_name="reverie serve")


def test_without_settings_the_defaults_hold() -> None:
    assert settings_from() == Settings()


# The sources that set grace, and its value.
WINNERS = [
    ((), 30),
    (("file",), 3),
    (("environment",), 2),
    (("environment", "file"), 2),
    (("flag",), 1),
    (("flag", "environment", "file"), 1),
    (("flag", "file"), 1),
]


@pytest.mark.parametrize(("who", "grace"), WINNERS)
def test_a_flag_overrides_the_environment_and_that_the_file(tmp_path: Path, who: tuple[str, ...], grace: float) -> None:
    flags = {"grace": "1", "limits": ("max_steps=1",)} if "flag" in who else {}
    environment = {"REVERIE_GRACE": "2", "REVERIE_LIMITS_MAX_STEPS": "2"} if "environment" in who else {}
    file = written(tmp_path, "grace = 3\n[limits]\nmax_steps = 3\n") if "file" in who else None
    settings = settings_from(flags, environment, file)
    assert settings.grace == grace
    assert settings.limits.max_steps == (Limits().max_steps if not who else grace)


def test_limits_from_several_sources_are_combined(tmp_path: Path) -> None:
    file = written(tmp_path, "[limits]\nmax_steps = 3\nmax_frames = 4\n")
    assert settings_from({"limits": ("max_steps=5",)}, {"REVERIE_LIMITS_MAX_TERMS": "6"}, file).limits == Limits(
        max_steps=5, max_frames=4, max_terms=6
    )


def test_folders_in_a_variable_are_separated_as_in_path() -> None:
    assert settings_from(environment={"REVERIE_MODELS": "a:b"}).models == (Path("a"), Path("b"))


def test_variables_of_clients_and_of_kubernetes_are_ignored() -> None:
    others = ["REVERIE_SERVER", "REVERIE_TOKEN", "REVERIE_SERVICE_HOST", "REVERIE_PORT", "REVERIE_PORT_50051_TCP_ADDR"]
    assert settings_from(environment=dict.fromkeys(others, "x")) == Settings()


# Flags, environment, file, and the message.
MISTAKES: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    ({}, {}, "listne = 'a'", "there is no setting 'listne'; the nearest: listen"),
    ({}, {}, "[limits]\nmax_step = 1", "there is no limit 'max_step'; the nearest: max_steps"),
    ({}, {}, "limits = 3", "limits is a table"),
    ({}, {}, "grace = ", "is not valid TOML"),
    ({}, {}, "grace = 'soon'", "grace cannot be"),
    ({}, {}, "device = 'tpu'", "'auto', 'cpu' or 'cuda'"),
    ({}, {"REVERIE_LISTNE": "x"}, "", "there is no setting REVERIE_LISTNE; the nearest: REVERIE_LISTEN"),
    ({}, {"REVERIE_GRACE": "-1"}, "", "REVERIE_GRACE: grace cannot be"),
    ({"threads": "0"}, {}, "", "--threads: threads cannot be"),
    ({"grace": "nan"}, {}, "", "--grace: grace cannot be"),
    ({"limits": ("max_stps=1",)}, {}, "", "there is no limit 'max_stps'; the nearest: max_steps"),
    ({"limits": ("max_steps",)}, {}, "", "is not NAME=VALUE"),
    ({"limits": ("max_steps=0",)}, {}, "", "limits.max_steps cannot be 0: it is at least 1"),
    ({"limits": ("min_size_px=64", "max_size_px=32")}, {}, "", "is more than max_size_px"),
    ({"tls_cert": "a.pem"}, {}, "", "TLS needs both tls_cert and tls_key"),
    ({"tls_client_ca": "a.pem"}, {}, "", "which needs TLS"),
    ({"tls_cert": "a.pem", "tls_key": "b.pem", "insecure": True}, {}, "", "contradict"),
    ({"exact": True, "bfloat16": True}, {}, "", "contradict"),
]


@pytest.mark.parametrize(("flags", "environment", "text", "message"), MISTAKES)
def test_an_invalid_setting_is_a_sentence_that_names_its_source(
    tmp_path: Path, flags: dict[str, Any], environment: dict[str, str], text: str, message: str
) -> None:
    with pytest.raises(Misconfigured) as mistake:
        settings_from(flags, environment, written(tmp_path, text) if text else None)
    assert message in str(mistake.value)


def test_all_unknown_names_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as mistake:
        settings_from({"limits": ("a=1",)}, {"REVERIE_B": "1"}, written(tmp_path, "c = 1\nd = 2"))
    assert len(str(mistake.value).splitlines()) == 4


def test_invalid_values_are_reported_together_with_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as mistake:
        settings_from(
            {"limits": ("max_stps=1", "max_steps=many"), "threads": "0"},
            {"REVERIE_GRCE": "1", "REVERIE_GRACE": "-1"},
            written(tmp_path, "listne = 'a'\ndevice = 'tpu'"),
        )
    told = str(mistake.value)
    for each in ("max_stps", "limits.max_steps cannot be", "threads cannot", "REVERIE_GRCE", "grace cannot", "listne"):
        assert each in told
    assert "device cannot be" in told
    assert len(told.splitlines()) == 7


def test_contradictions_are_reported_together_with_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"(?s)listne.*contradict.*max_steps cannot be 0"):
        settings_from(
            {"exact": True, "bfloat16": True, "limits": ("max_steps=0",)}, {}, written(tmp_path, "listne = 'a'")
        )


def test_the_printed_settings_are_a_file_with_the_same_meaning(tmp_path: Path) -> None:
    flags = {"models": ("a", "b"), "threads": "3", "exact": True, "limits": ("max_steps=7",)}
    first = configure(flags, {"REVERIE_LOG_FORMAT": "json"}, None)
    printed = toml(first)
    assert settings_from(file=written(tmp_path, printed)) == first.settings
    assert "threads = 3  # --threads" in printed
    assert 'log_format = "json"  # REVERIE_LOG_FORMAT' in printed
    assert "grace = 30  # default" in printed


def test_secrets_in_urls_are_masked() -> None:
    printed = toml(configure({"traces": "https://user:sesame@host/v1/traces?token=sesame"}, {}, None))
    assert "sesame" not in printed
    assert 'traces = "https://***@host/v1/traces?***"' in printed


def test_the_command_prints_the_settings(tmp_path: Path) -> None:
    file = written(tmp_path, "grace = 5")
    result = run("--config", file, "--print-config", "--no-exact", REVERIE_THREADS="2")
    assert result.exit_code == 0, result.output
    printed = tomllib.loads(result.stdout)
    assert (printed["grace"], printed["threads"], printed["exact"]) == (5, 2, False)
    assert printed["limits"] == {bound.name: getattr(Limits(), bound.name) for bound in fields(Limits)}


def test_invalid_settings_end_the_command_with_status_2(tmp_path: Path) -> None:
    result = run("--config", written(tmp_path, "lisen = 1\nthread = 2"))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert "the nearest: listen" in result.stderr
    assert run("--config", tmp_path / "none.toml").exit_code == 2


def test_an_unknown_flag_is_refused_with_the_nearest_one() -> None:
    result = run("--lisen", "127.0.0.1:0")
    assert result.exit_code == 2
    assert "--listen" in result.stderr


def test_every_setting_is_a_flag() -> None:
    text = run("--help").stdout
    assert [setting.flag for setting in table() if setting.flag not in text] == []


def test_the_reference_in_the_documentation_is_up_to_date() -> None:
    page = (Path(__file__).parents[3] / "docs" / "production.md").read_text()
    assert page == updated(page), "run: python -m reverie_server.process.config_docs docs/production.md"
    assert "| `tls_cert` | `--tls-cert` | `REVERIE_TLS_CERT` |" in page
