"""`reverie models` and `reverie layers`: tables for people and for pipes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.client.scripted import DIGEST, Command, Script

MODELS = [
    ["MODEL", "LAYERS", "CLASSES", "SIZE", "DIGEST", "DESCRIPTION"],
    ["tiny", "3", "2", "32", DIGEST[:12], "A tiny network."],
    ["other", "1", "-", "-", "d2" * 6],
]

LAYERS = [
    ["LAYER", "KIND", "GOOD", "OPERATOR", "CHANNELS", "STRIDE", "FIELD", "SIZES", "ALIASES"],
    ["conv1_1", "convolution", "*", "Conv", "8", "1", "3", "from 3 x 3", "features.0"],
    ["relu1_1", "activation", "-", "Relu", "8", "1", "3", "from 3 x 3"],
    ["logits", "-", "-", "Gemm", "2", "-", "all", "both sides from 32 by 32"],
]


def table(text: str) -> list[list[str]]:
    """Return the cells of each line, which are separated by two spaces."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("models",), MODELS),
        (("layers", "tiny"), LAYERS),
        (("layers", "tiny", "--recommended"), LAYERS[:2]),
    ],
)
def test_a_pipe_gets_one_plain_line_per_row(
    command: Command, typed: tuple[str, ...], expected: list[list[str]]
) -> None:
    result = command(*typed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert table(result.stdout) == expected


def test_a_long_description_stays_on_its_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert table(command("models").stdout) == MODELS


def test_the_layers_of_the_named_model_are_requested(command: Command, script: Script) -> None:
    assert command("layers", "other").exit_code == 0
    assert {request.model for request in script.requests} == {"other"}


def test_text_that_looks_like_markup_is_shown_unchanged(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.client import scripted

    odd = type(scripted.MODELS[0])(name="odd", description="of [bold]Lucid[/bold] [1]")
    monkeypatch.setattr(scripted, "MODELS", (odd,))
    assert "of [bold]Lucid[/bold] [1]" in command("models").stdout


def test_a_model_without_recommendations_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.client import scripted

    monkeypatch.setattr(scripted, "LAYERS", scripted.LAYERS[1:])
    result = command("layers", "tiny", "--recommended")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did not say which layers to recommend" in result.stderr


def test_labels_are_listed_with_their_numbers(command: Command) -> None:
    result = command("labels", "tiny")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "0\tcat\n1\tdog\n", "")


def test_a_model_without_labels_says_so(command: Command) -> None:
    result = command("labels", "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: other has no class labels: its channels have numbers only.\n"


def test_labels_of_an_unknown_model_are_refused_by_the_server(command: Command, script: Script) -> None:
    result = command("labels", "tinny")
    assert (result.exit_code, result.stdout) == (2, "")
    assert script.requests[-1].model == "tinny"


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from reverie._command import main; main()"
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", code, "labels", "tiny"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "REVERIE_SERVER": address},
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_broken_model_is_listed_with_its_problem(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.client import scripted

    broken = type(scripted.MODELS[0])(name="odd", problem="m/odd is a link; copy the folder")
    monkeypatch.setattr(scripted, "MODELS", (broken, scripted.MODELS[1]))
    _, first, second = command("models").stdout.splitlines()
    assert first.startswith("odd ")
    assert first.endswith("broken: m/odd is a link; copy the folder")
    assert "broken" not in second


# A server's names, and what a person sees of them.
HOSTILE = {
    "a line of its own": ("x\ntiny  3", r"x\ntiny  3"),
    "a colour": ("x\x1b[31m", r"x\x1b[31m"),
    "the title of the window": ("x\x1b]0;t\x07", r"x\x1b]0;t\x07"),
    "a carriage return": ("evil\rtiny", r"evil\rtiny"),
    "a control of C1": ("x\x9b2J", r"x\x9b2J"),
    "the other direction of writing": ("x\u202ey", r"x\u202ey"),
    "markup": ("[red]x[/red] [link=http://x]y[/link] :fox:", "[red]x[/red] [link=http://x]y[/link] :fox:"),
}


@pytest.mark.parametrize(("name", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_names_from_a_server_cannot_control_the_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    from tests.client import scripted

    monkeypatch.setattr(scripted, "MODELS", (type(scripted.MODELS[0])(name=name, description=name, labels=[name]),))
    monkeypatch.setattr(
        scripted, "LAYERS", (type(scripted.LAYERS[0])(name=name, operator=name, aliases=[name], kind=name),)
    )
    assert command("labels", name).stdout == f"0\t{shown}\n"
    for typed, times in ((("models",), 2), (("layers", "tiny"), 4)):
        _head, line, rest = command(*typed).stdout.split("\n")
        assert line.count(shown) == times
        assert rest == ""
