"""The root command `reverie`: its sub-commands, those that are not installed, and the modules that it imports."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

import pytest
from click.testing import Result
from reverie._command import main
from reverie._command.group import EXTRAS, GROUP, ORDER, PROBES, Commands

from tests.client.runner import runner

RENDER = ("render", "tiny", "conv1_1", "3")


def run(*typed: str) -> Result:
    return runner().invoke(main, typed, prog_name="reverie", env={"REVERIE_SERVER": None})


def test_the_commands_are_listed_in_the_order_in_which_a_user_needs_them() -> None:
    result = run("--help")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line]
    assert listed == [
        *(
            "render",
            "models",
            "layers",
            "labels",
            "presets",
            "agree",
            "jobs",
            "serve",
            "keys",
            "health",
            "doctor",
            "tune",
        ),
        *("export", "check"),
    ]


@pytest.mark.parametrize("name", ["render", "models", "layers"])
def test_the_help_of_each_command_needs_no_server(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "--server ADDRESS" in result.stdout
    assert "REVERIE_SERVER" in result.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert run("--version").stdout == f"reverie {version('reverie')}\n"


@pytest.mark.parametrize("typed", [("paint",), ("paint", "--size", "3"), ("Render",)])
def test_an_unknown_command_is_refused_with_a_list_of_commands(typed: tuple[str, ...]) -> None:
    result = run(*typed)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: There is no command {typed[0]!r}. "
        "There are: render, models, layers, labels, presets, agree, jobs, serve, keys, health, doctor, tune, export,"
        " check.\n"
    )


@pytest.mark.parametrize(("name", "extra"), [("serve", "server"), ("export", "onnx"), ("check", "onnx")])
@pytest.mark.parametrize("arguments", [(), ("--help",), ("vgg19", "--out", "models", "--weights=x")])
def test_a_command_of_an_extra_says_what_to_install(name: str, extra: str, arguments: tuple[str, ...]) -> None:
    """This suite runs in an environment without extras."""
    result = run(name, *arguments)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: reverie {name} needs the package {PROBES[extra]}, which is not installed: install what it needs with: "
        f'pip install "reverie[{extra}]"'
        + (', for networks of torch: pip install "reverie[export]"\n' if name == "export" else "\n")
    )
    assert f'(not installed: pip install "reverie[{extra}]")' in run("--help").stdout


def test_every_extra_has_a_package_that_shows_its_presence() -> None:
    assert set(EXTRAS.values()) == PROBES.keys()


def test_every_command_of_another_package_has_its_extra() -> None:
    others = {entry.name for entry in entry_points(group=GROUP) if not entry.value.startswith("reverie._command")}
    assert others <= EXTRAS.keys()
    assert others <= set(ORDER)


@pytest.mark.parametrize("typed", [RENDER, ("models",), ("layers", "tiny")], ids=lambda typed: typed[0])
def test_without_a_server_and_an_engine_it_says_how_to_get_either(folder: Path, typed: tuple[str, ...]) -> None:
    result = run(*typed)
    assert result.exit_code == 2
    assert "Name a server with --server HOST:PORT or REVERIE_SERVER" in result.stderr
    assert 'install the engine: pip install "reverie[server]"' in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


# ----- commands of other distributions -----


def group(**commands: str) -> Commands:
    return Commands(found={name: EntryPoint(name, value, "reverie.commands") for name, value in commands.items()})


def test_another_distribution_can_add_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brought.py").write_text(
        "import click\n\n@click.command()\ndef hello():\n    '''Greet.'''\n    click.echo('Hello.')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert runner().invoke(group(hello="brought:hello"), ["hello"]).stdout == "Hello.\n"


def test_a_command_whose_package_is_missing_names_it() -> None:
    result = runner().invoke(group(hello="no_such_package.command:hello"), ["hello"])
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: reverie hello needs the package no_such_package, which is not installed: reinstall reverie\n"
    )


def test_a_package_that_is_found_missing_during_the_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "late.py").write_text("import click\n\n@click.command()\ndef hello():\n    import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = runner().invoke(group(hello="late:hello"), ["hello"])
    assert result.exit_code == 2
    assert "reverie hello needs the package no_such_package" in result.stderr


def test_help_imports_no_picture_library_no_terminal_and_no_engine() -> None:
    code = (
        "import sys\n"
        "from reverie._command import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print('LOADED', *sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    loaded = set(ended.stdout.partition("LOADED")[2].split())
    assert "reverie._command.render" in loaded
    assert loaded & {"PIL", "rich", "onnx", "onnx_ir", "onnxruntime", "onnxscript", "torch", "reverie_server"} == set()
