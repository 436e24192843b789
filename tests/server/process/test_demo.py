"""The program of `make demo` with few steps: real pictures of the embedded network through a real server."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
DEMO = (
    "import runpy, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where a shell ignores it
    "sys.argv[0] = 'demo.py'\n"
    f"runpy.run_path({str(ROOT / 'examples/demo.py')!r}, run_name='__main__')"
)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.Popen(
        [sys.executable, "-c", DEMO, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as caller:
        return caller.connect_ex((host, int(port))) == 0


def address_in(line: str) -> str:
    found = re.search(r"127\.0\.0\.1:\d+", line)
    assert found, line
    return found[0]


def test_it_writes_a_sheet_and_an_animation_and_stops_its_server(tmp_path: Path) -> None:
    process = start("--steps", "2", "--size", "32", "--out", tmp_path / "new" / "demo")
    message, complained = end(process)
    assert (process.returncode, complained) == (0, "")
    assert "\x1b" not in message
    assert not answers(address_in(message))

    units = re.findall(r"^  (\S+:.*?) +objective +-?\d+\.\d+ after 2 steps", message, re.MULTILINE)
    assert len(set(units)) == 16
    assert {unit.partition(":")[0] for unit in units} >= {"conv1_2", "conv5_1", "logits"}

    sheet, animation = (tmp_path / "new" / "demo" / name for name in ("contact-sheet.png", "from-noise.gif"))
    assert f"  {sheet}  " in message
    assert f"  {animation}  " in message
    with Image.open(sheet) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (4 * (32 + 10) + 10, 4 * (32 + 24 + 5) + 15))
        tiles = {
            image.crop((left, top, left + 32, top + 32)).tobytes()
            for left in range(10, image.width - 32, 42)
            for top in range(10, image.height - 32, 61)
        }
        assert len(tiles) == 16
        assert all(len(set(tile)) > 10 for tile in tiles)  # none of them is blank
    with Image.open(animation) as image:
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("GIF", (32, 32), 2)


def test_a_terminal_shows_a_bar_for_each_picture(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = ("--steps", "2", "--size", "32", "--out", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", DEMO, *arguments],
        stdout=theirs,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(theirs)
    try:
        shown = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert process.wait(timeout=120) == 0, shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").rpartition("\nall ")[2]
    assert re.match(r" +━+ +16/16 +pictures", last)
    assert len(re.findall(r"^\w+:.* 2/2 +objective +-?\d", last, re.MULTILINE)) == 16


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # on Linux: the last writer has closed the terminal
        return b""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_server_too(tmp_path: Path, number: signal.Signals, status: int) -> None:
    process = start("--steps", "5000", "--out", tmp_path)
    assert process.stdout is not None
    address = address_in(process.stdout.readline())
    assert answers(address)
    process.send_signal(number)
    _, complained = end(process)
    assert process.returncode == status
    assert "Traceback" not in complained
    assert not answers(address)
    assert list(tmp_path.iterdir()) == []


# Arguments that cannot work, and a part of the message.
FAILURES = [
    (("--size", "3"), "spec.size: 3 x 3 px "),
    (("--out", "{file}"), "Name another folder with --out."),
    (("--out", "{file}/demo"), "Name another folder with --out."),
]


@pytest.mark.parametrize(("arguments", "words"), FAILURES, ids=[words for _, words in FAILURES])
def test_a_failure_is_a_sentence_with_a_remedy(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    chosen = ["--out", str(tmp_path / "demo"), *(argument.format(file=file) for argument in arguments)]
    process = start("--steps", "1", *chosen)
    message, complained = end(process)
    assert process.returncode == 1
    assert complained.startswith("The demo failed. ")
    assert words in complained
    assert "Traceback" not in complained
    assert not message or not answers(address_in(message))
