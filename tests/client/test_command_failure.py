"""Failures of `reverie`: a sentence, an exit code, and no half-written file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import reverie
from google.rpc import error_details_pb2 as rpc_details
from reverie import errors
from reverie._command import main
from reverie._command.failure import SERVER_ERRORS

from tests.client.faults import Fault, error_info, retry_info
from tests.client.runner import runner
from tests.client.scripted import Command, Script

STATUS = grpc.StatusCode
RENDER = ("render", "tiny", "conv1_1", "3")
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # also where a shell ignores it
    "from reverie._command import main; main()"
)

# An error of the server, the exit code, and the message.
REFUSALS = [
    (
        Fault(
            STATUS.INVALID_ARGUMENT,
            "2 mistakes.",
            (
                rpc_details.BadRequest(
                    field_violations=[
                        rpc_details.BadRequest.FieldViolation(field="spec.steps", description="0 is not in [1, 4096]"),
                        rpc_details.BadRequest.FieldViolation(field="spec.seed", description="is odd"),
                    ]
                ),
            ),
        ),
        2,
        "Error: 2 mistakes.\n  spec.steps: 0 is not in [1, 4096]\n  spec.seed: is odd\n",
    ),
    (Fault(STATUS.NOT_FOUND, "There is no layer conv9; nearest: conv1_1."), 2, "Error: There is no layer conv9; "),
    (Fault(STATUS.NOT_FOUND, "no \x1b[2J\x9b31m\rx\u202e"), 2, "Error: no \\x1b[2J\\x9b31m\\rx\\u202e\n"),
    (Fault(STATUS.UNAUTHENTICATED, "Who are you?"), 2, "Error: Who are you?"),
    (Fault(STATUS.PERMISSION_DENIED, "Not you."), 2, "Error: Not you."),
    (Fault(STATUS.UNIMPLEMENTED, "What?"), 2, "Error: What?"),
    (Fault(STATUS.RESOURCE_EXHAUSTED, "Full.", (error_info("QUEUE_FULL"), retry_info(90))), 1, "Error: Full."),
    (Fault(STATUS.DEADLINE_EXCEEDED, "Too late."), 1, "Error: Too late."),
    (Fault(STATUS.CANCELLED, "Stopped."), 1, "Error: Stopped."),
    (
        Fault(STATUS.INTERNAL, "A bug.", (error_info("INTERNAL"), rpc_details.RequestInfo(request_id="ab12"))),
        1,
        "Error: A bug. (incident ab12)\n",
    ),
    (
        Fault(STATUS.INTERNAL, "Incident ab12.", (rpc_details.RequestInfo(request_id="ab12"),)),
        1,
        "Error: Incident ab12.\n",
    ),
]


@pytest.mark.parametrize(("fault", "code", "message"), REFUSALS, ids=[fault.message for fault, _, _ in REFUSALS])
@pytest.mark.parametrize("typed", [RENDER, ("models",), ("layers", "tiny")], ids=["render", "models", "layers"])
def test_an_error_is_a_sentence_and_an_exit_code(
    command: Command, script: Script, folder: Path, typed: tuple[str, ...], fault: Fault, code: int, message: str
) -> None:
    script.faults.append(fault)
    result = command(*typed)
    assert result.exit_code == code
    assert result.stderr.startswith(message)
    assert result.stdout == ""
    assert os.listdir(folder) == []


def test_every_error_is_either_fixed_by_the_user_or_by_the_server() -> None:
    """A new error must be added here, and to SERVER_ERRORS if the user cannot fix it."""
    users = {
        reverie.UsageError,
        reverie.InvalidRequest,
        reverie.NotFound,
        reverie.FailedPrecondition,
        reverie.Unauthenticated,
        reverie.PermissionDenied,
        reverie.Unimplemented,
    }
    every = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ReverieError)}
    assert users | set(SERVER_ERRORS) == every - {errors.ReverieError}
    assert not users & set(SERVER_ERRORS)


def test_a_failure_in_the_middle_writes_nothing(command: Command, script: Script, folder: Path) -> None:
    script.late_fault = Fault(STATUS.UNAVAILABLE, "The server stops.")
    result = command(*RENDER, "--animate", "x.gif")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The server stops." in result.stderr
    assert os.listdir(folder) == []


def test_an_absent_server_is_named(folder: Path) -> None:
    result = runner().invoke(main, [*RENDER, "--server", f"unix:{folder}/nobody.sock"])
    assert result.exit_code == 1
    assert f"No Reverie server answers at unix:{folder}/nobody.sock" in result.stderr


def test_the_option_overrides_the_environment(command: Command, script: Script, folder: Path) -> None:
    result = command("models", "--server", f"unix:{folder}/nobody.sock")
    assert result.exit_code == 1
    assert script.requests == []


def test_an_invalid_address_is_refused_with_an_example(folder: Path) -> None:
    result = runner().invoke(main, ["models", "--server", "http://localhost"])
    assert result.exit_code == 2
    assert "write HOST:PORT, such as localhost:50051" in result.stderr


def test_a_server_and_a_folder_of_models_contradict_each_other(command: Command, folder: Path) -> None:
    result = command("models", "--models", folder)
    assert result.exit_code == 2
    assert "choose one" in result.stderr


@pytest.mark.parametrize("option", ["-o", "--animate"])
def test_an_output_that_cannot_be_written_is_named(command: Command, folder: Path, option: str) -> None:
    (folder / "file").write_text("in the way")
    result = command(*RENDER, option, "file/x.webp")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: file")
    assert result.stderr.count("\n") == 1
    assert os.listdir(folder) == ["file"]


def test_a_folder_that_cannot_be_made_is_named(command: Command, folder: Path) -> None:
    (folder / "file").touch()
    result = command("jobs", "fetch", "job-1", "-o", "file/pictures")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: file/pictures: Not a directory")


def test_a_folder_as_the_output_is_refused(command: Command, script: Script, folder: Path) -> None:
    (folder / "x.png").mkdir()
    result = command(*RENDER, "-o", "x.png")
    assert result.exit_code == 2
    assert result.stderr == "Error: x.png is a folder: name a file in it.\n"
    assert script.requests == []


@pytest.mark.parametrize("animate", [False, True])
def test_a_full_disk_leaves_no_half_written_file(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, animate: bool
) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", full)
    result = command(*RENDER, "-o", "x.png", *(("--animate", "x.gif") if animate else ()))
    assert result.exit_code == 2
    assert result.stderr == "Error: x.png: No space left on device\n"
    assert os.listdir(folder) == []


@pytest.mark.parametrize("typed", [RENDER, (*RENDER, "--animate", "x.gif")], ids=["picture", "animation"])
def test_ctrl_c_cancels_the_render_and_writes_nothing(
    script: Script, address: str, folder: Path, typed: tuple[str, ...]
) -> None:
    script.wait_at = 2
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *typed, "--server", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert script.waiting.wait(30)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert script.cancelled.wait(10)
    assert process.returncode == 130
    assert (stdout, stderr) == ("", "Cancelled: nothing was written.\n")
    assert os.listdir(folder) == []
