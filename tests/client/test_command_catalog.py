"""`reverie models` and `reverie layers`: tables for people and for pipes."""

from __future__ import annotations

import re

import pytest

from tests.client.scripted import DIGEST, Command, Script

MODELS = [
    ["MODEL", "LAYERS", "CLASSES", "SIZE", "DIGEST", "DESCRIPTION"],
    ["tiny", "3", "2", "32", DIGEST[:12], "A tiny network."],
    ["other", "1", "-", "-", "d2" * 6],
]

LAYERS = [
    ["LAYER", "OPERATOR", "CHANNELS", "STRIDE", "FIELD", "SIZES", "ALIASES"],
    ["conv1_1", "Conv", "8", "1", "3", "from 3 x 3", "features.0"],
    ["relu1_1", "Relu", "8", "1", "3", "from 3 x 3"],
    ["logits", "Gemm", "2", "-", "all", "both sides from 32 by 32"],
]


def table(text: str) -> list[list[str]]:
    """Return the cells of each line, which are separated by two spaces."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


@pytest.mark.parametrize(("typed", "expected"), [(("models",), MODELS), (("layers", "tiny"), LAYERS)])
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
