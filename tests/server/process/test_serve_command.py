"""`reverie serve` as a process: its output, signals and exit status."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from reverie_proto.v1.objective_pb2 import ChannelObjective, Objective
from reverie_proto.v1.spec_pb2 import RenderSpec
from reverie_proto.v1.visualization_pb2 import (
    GetServerInfoRequest,
    RenderImageRequest,
    StreamRenderRequest,
    StreamRenderResponse,
)
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub
from reverie_server.rpc import health

from tests.server.fakes import PATIENCE_S
from tests.sizes import square

COMMAND = [
    sys.executable,
    "-c",
    "from reverie_server.process.serve_command import serve; serve(prog_name='reverie serve')",
]


def command(*arguments: str | Path) -> list[str]:
    return [*COMMAND, "--device", "cpu", "--threads", "1", "--store", "off", *map(str, arguments)]


def end(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit status and the last line of a server that cannot start."""
    ended = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr.strip()


class Process:
    """A running server."""

    def __init__(self, *arguments: str | Path) -> None:
        self.popen = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        self.line = self.popen.stdout.readline()
        found = re.search(r" on (\S+)", self.line)
        assert found, self.popen.communicate()
        self.address = found.group(1)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit status and the output."""
        _, message = self.popen.communicate(timeout=PATIENCE_S)
        return self.popen.returncode, message


@pytest.fixture
def start(models: Path) -> Iterator[Callable[..., Process]]:
    """Return a function that starts servers; kill those that a failed test left behind."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str | Path) -> Process:
            process = Process("--models", models, "--listen", "127.0.0.1:0", *arguments)
            stack.callback(process.popen.communicate)
            stack.callback(process.popen.kill)
            return process

        yield start


def spec(steps: int, size_px: int = 32) -> RenderSpec:
    objective = Objective(channel=ChannelObjective(layer="conv1_1", channel=1))
    return RenderSpec(model="tiny", objective=objective, size=square(size_px), steps=steps)


#: A render of several minutes.
ENDLESS = spec(steps=10_000, size_px=463)


def render(stub: VisualizationServiceStub, steps: int) -> grpc.Future:
    return stub.RenderImage.future(RenderImageRequest(spec=spec(steps)), timeout=PATIENCE_S, wait_for_ready=True)


def admitted(stub: VisualizationServiceStub, wanted: RenderSpec) -> Iterator[StreamRenderResponse]:
    """Start a render, wait until it is admitted, and return the rest of its stream."""
    stream = stub.StreamRender(StreamRenderRequest(spec=wanted))
    assert next(stream).HasField("accepted")
    return iter(stream)


def status(channel: grpc.Channel) -> int:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health.HealthCheckRequest.SerializeToString,
        health.HealthCheckResponse.FromString,
    )
    return int(check(health.HealthCheckRequest(), timeout=PATIENCE_S).status)


def until_it_drains(channel: grpc.Channel) -> None:
    """Wait until a server is no longer healthy or has ended."""
    end = time.monotonic() + PATIENCE_S
    with contextlib.suppress(grpc.RpcError):
        while status(channel) == health.SERVING:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_one_line_says_that_the_server_is_ready_and_where(start: Callable[..., Process]) -> None:
    process = start()
    assert re.fullmatch(r"Reverie \S+ serves tiny on 127\.0\.0\.1:\d+ \(cpu-\w+\)\.\n", process.line)
    with grpc.insecure_channel(process.address) as channel:
        assert VisualizationServiceStub(channel).GetServerInfo(GetServerInfoRequest(), timeout=20).info.version
        assert status(channel) == health.SERVING


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_an_idle_server_stops_at_once(start: Callable[..., Process], number: signal.Signals) -> None:
    process = start()
    process.popen.send_signal(number)
    assert process.end()[0] == 0


def test_renders_in_progress_finish_and_new_ones_are_refused(start: Callable[..., Process]) -> None:
    process = start("--grace", str(PATIENCE_S))
    with grpc.insecure_channel(process.address) as channel:
        stub = VisualizationServiceStub(channel)
        render(stub, 1).result()  # builds the program
        streams = [admitted(stub, spec(1200)), admitted(stub, spec(10))]
        process.popen.send_signal(signal.SIGTERM)
        until_it_drains(channel)
        with pytest.raises(grpc.RpcError) as refusal:
            render(stub, 1).result()
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
        assert [list(stream)[-1].result.steps for stream in streams] == [1200, 10]
    assert process.end()[0] == 0


@pytest.mark.parametrize("again", [False, True], ids=["the grace is over", "a second signal"])
def test_a_render_that_takes_too_long_is_stopped(start: Callable[..., Process], again: bool) -> None:
    process = start("--grace", "600" if again else "0.1")
    with grpc.insecure_channel(process.address) as channel:
        stub = VisualizationServiceStub(channel)
        render(stub, 1).result()
        stream = admitted(stub, ENDLESS)
        process.popen.send_signal(signal.SIGINT)
        if again:
            until_it_drains(channel)
            process.popen.send_signal(signal.SIGINT)
        with pytest.raises(grpc.RpcError) as refusal:
            list(stream)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert process.end()[0] == 0


def test_a_second_server_on_the_port_says_so_and_exits(start: Callable[..., Process], models: Path) -> None:
    first = start()
    code, message = end("--models", models, "--listen", first.address)
    assert code == 2
    assert message == (
        f"Error: cannot listen on {first.address}: another server has that port; stop it, or choose another port"
        " with --listen"
    )


def test_a_unix_socket_serves_too(models: Path, tmp_path: Path) -> None:
    process = Process("--models", models, "--listen", f"unix:{tmp_path}/socket")
    with grpc.insecure_channel(process.address) as channel:
        assert status(channel) == health.SERVING
    process.popen.terminate()
    assert process.end()[0] == 0


def test_a_second_server_does_not_take_a_unix_socket_and_a_killed_one_leaves_it(models: Path, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/socket"
    first = Process("--models", models, "--listen", address)
    code, message = end("--models", models, "--listen", address)
    assert code == 2
    assert message == (
        f"Error: cannot listen on {address}: another server has that path; stop it, or choose another path with"
        " --listen"
    )
    with grpc.insecure_channel(first.address) as channel:
        assert status(channel) == health.SERVING
    first.popen.kill()
    first.popen.communicate()
    third = Process("--models", models, "--listen", address)
    with grpc.insecure_channel(third.address) as channel:
        assert status(channel) == health.SERVING
    third.popen.terminate()
    assert third.end()[0] == 0


# An address on which the server cannot listen, and the message.
ADDRESSES = [
    ("50051", "an address is HOST:PORT"),
    ("127.0.0.1:99999", "an address is HOST:PORT"),
    ("127.0.0.1:-1", "an address is HOST:PORT"),
    ("127.0.0.1:http", "an address is HOST:PORT"),
    (":50051", "an address is HOST:PORT"),
    ("nowhere.invalid:50051", "there is no host 'nowhere.invalid'"),
    ("192.0.2.1:50051", "Cannot assign requested address"),
    ("unix:/nowhere/socket", "/nowhere is not a writable folder"),
]


@pytest.mark.parametrize(("address", "problem"), ADDRESSES)
def test_an_address_that_cannot_be_listened_on_is_refused(models: Path, address: str, problem: str) -> None:
    code, message = end("--models", models, "--listen", address)
    assert code == 2
    assert message.startswith(f"Error: cannot listen on {address}: {problem}")


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    code, message = end("--models", tmp_path)
    assert code == 2
    assert str(tmp_path) in message
    code, message = end("--models", tmp_path / "nothing")
    assert code == 2
    assert str(tmp_path / "nothing") in message


def test_a_corrupt_model_is_refused(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for file in (models / "tiny").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = bytearray((folder / "weights.bin").read_bytes())
    weights[0] ^= 1
    (folder / "weights.bin").write_bytes(weights)
    code, message = end("--models", tmp_path)
    assert code == 2
    assert "weights.bin" in message


def test_a_home_that_cannot_be_written_to_is_said_once(models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = os.environ | dict.fromkeys(("XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path / "file" / "below"))
    words = [*COMMAND, "--device", "cpu", "--models", str(models), "--listen", f"unix:{tmp_path}/socket"]
    server = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert " serves tiny on " in server.stdout.readline()
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=PATIENCE_S)
    (line,) = (line for line in log.splitlines() if "WARNING" in line or "ERROR" in line)
    assert "finished pictures and jobs are not kept, because" in line
    assert "Not a directory" in line
    assert "name other places with --store and --jobs, or `off`" in line


def test_a_missing_device_is_refused(models: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a GPU")
    ended = subprocess.run(
        [*COMMAND, "--models", str(models), "--device", "cuda"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "cuda" in ended.stderr.lower()


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--device", "cpu"], "bfloat16 is for GPUs"), (["--exact"], "--exact and --bfloat16 contradict each other")],
)
def test_bfloat16_is_refused_on_a_cpu_and_with_exact(models: Path, options: list[str], message: str) -> None:
    code, error = end("--models", models, "--bfloat16", *options)
    assert code == 2
    assert message in error


# The option --plan, and the message with which the server ends.
UNUSABLE_PLANS = [
    ("tuned", "write it with `reverie tune`"),
    ("avx1024", "no lowering plan 'avx1024'; there are amx, avx2, avx512"),
    ("/nowhere/plan.json", "/nowhere/plan.json cannot be read: No such file"),
    ("cuda", "for another kind of device than cpu-"),
]


@pytest.mark.parametrize(("asked", "message"), UNUSABLE_PLANS)
def test_a_plan_that_cannot_be_used_is_refused(models: Path, asked: str, message: str) -> None:
    code, error = end("--models", models, "--listen", "127.0.0.1:0", "--plan", asked)
    assert code == 2
    assert message in error


def test_a_damaged_plan_is_named_with_its_remedy(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"format": 1')
    code, error = end("--models", models, "--listen", "127.0.0.1:0", "--plan", path)
    assert code == 2
    assert f"the lowering plan {path} cannot be used" in error
    assert f"`reverie tune -o {path}`" in error


def test_a_server_preloads_layers_and_batches_steps(start: Callable[..., Process]) -> None:
    process = start("--batch", "3", "--warm", "tiny/conv1_1")
    assert re.search(r"\(cpu-\w+-batch3\)", process.line)
    with grpc.insecure_channel(process.address) as channel:
        info = VisualizationServiceStub(channel).GetServerInfo(GetServerInfoRequest(), timeout=20).info
    assert info.limits.max_batch == 3
    process.popen.terminate()
    code, message = process.end()
    assert code == 0
    assert "built a program for tiny conv1_1 at 32 x 32 px" in message


@pytest.mark.parametrize("layer", ["tiny/conv9_9", "tiny", "tinny/conv1_1"])
def test_a_layer_that_cannot_be_loaded_is_refused(models: Path, layer: str) -> None:
    code, message = end("--models", models, "--listen", "127.0.0.1:0", "--warm", layer)
    assert code == 2
    assert re.search(r"Error: spec\.\S+: (there is no|is required)", message)


def test_help_does_not_load_the_engine() -> None:
    """`reverie --help` reads the command for one sentence."""
    script = (
        "import sys, reverie_server.process.serve_command\n"
        "print([name for name in ('onnxruntime', 'onnx', 'onnx_ir', 'fsspec', 'sqlalchemy') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
