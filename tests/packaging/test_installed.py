"""The wheel, installed into empty environments and used as by a new user."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.checkout import PYPROJECT

OUTSIDE = ("PYTHONPATH", "PYTHONHOME", "REVERIE_SERVER", "REVERIE_TOKEN")


class Environment:
    """A virtual environment with only the wheel and its requirements."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        self.folder = folder
        self.work = folder / "work"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        self.work.mkdir()
        self.succeed("python", "-m", "pip", "install", "--quiet", f"{wheel}{extra}")

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in an empty folder, and capture its output."""
        environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        command = [str(self.folder / "bin" / program), *arguments]
        return subprocess.run(command, cwd=self.work, env=environment, capture_output=True, text=True)

    def succeed(self, program: str, *arguments: str) -> str:
        """Return the output of a program, which must succeed."""
        ended = self.run(program, *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("client"), wheel, "")


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("onnx"), wheel, "[onnx]")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("server"), wheel, "[server]")


def test_the_protocol_is_in_the_package(client: Environment) -> None:
    folder = Path(client.succeed("python", "-m", "reverie_proto").strip())
    assert folder.is_relative_to(client.folder)
    assert (folder / "reverie" / "v1" / "visualization.proto").is_file()


def test_the_client_is_imported(client: Environment) -> None:
    file = client.succeed("python", "-c", "import reverie; print(reverie.__file__)")
    assert Path(file).is_relative_to(client.folder)


def test_the_command_prints_its_version(client: Environment) -> None:
    assert PYPROJECT["project"]["version"] in client.succeed("reverie", "--version")


def test_the_command_lists_what_it_can_do(client: Environment) -> None:
    output = client.succeed("reverie", "--help")
    assert all(command in output for command in ("render", "models", "layers", "jobs", "serve", "export"))


def test_without_an_extra_the_command_says_what_to_install(client: Environment) -> None:
    ended = client.run("reverie", "render", "texture19", "conv1_1", "0")
    assert ended.returncode == 2
    assert 'pip install "reverie[server]"' in ended.stderr


def test_the_requirements_fit_together(client: Environment, onnx: Environment, server: Environment) -> None:
    for environment in (client, onnx, server):
        assert environment.succeed("python", "-m", "pip", "check") == "No broken requirements found.\n"


def test_a_picture_is_rendered_in_the_same_process(server: Environment) -> None:
    server.succeed("reverie", "render", "texture19", "conv1_1", "0", "--size", "32", "--steps", "2", "-o", "x.png")
    png = (server.work / "x.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    assert (png[1:4], width, height) == (b"PNG", 32, 32)


DRAW = """
import onnx
onnx.save(onnx.parser.parse_model('''<ir_version: 8, opset_import: ["": 17]>
    net (float[N,3,H,W] x) => (float[N,3,h,w] y)
    <float[3,3,1,1] w = {1,0,0,0,1,0,0,0,1}> { c = Conv(x, w)  y = Relu(c) }'''), "net.onnx")
"""


def test_an_onnx_file_is_checked_and_exported_without_torch_and_onnx_runtime(onnx: Environment) -> None:
    absent = "import importlib.util as u; print([n for n in ('torch', 'onnxruntime') if u.find_spec(n)])"
    assert onnx.succeed("python", "-c", absent) == "[]\n"
    onnx.succeed("python", "-c", DRAW)
    assert "2 of 2 layers can be exported" in onnx.succeed("reverie", "check", "net.onnx")
    assert "2 layers" in onnx.succeed("reverie", "export", "net.onnx", "--out", "models")
    assert (onnx.work / "models" / "net" / "y.onnx").is_file()


@pytest.mark.parametrize("source", ["vgg19", "package.module:build"])
def test_a_source_of_torch_says_what_to_install(source: str, onnx: Environment) -> None:
    ended = onnx.run("reverie", "export", source, "--out", "models")
    assert ended.returncode == 2
    assert f"{source} needs torch and torchvision" in ended.stderr
    assert "pip install 'reverie[export]'" in " ".join(ended.stderr.split())
