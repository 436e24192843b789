"""`reverie presets`: tables of what a server has names for."""

from __future__ import annotations

import re

import grpc
import pytest
from reverie_proto.v1 import catalog_pb2, spec_pb2
from reverie_proto.v1 import visualization_pb2 as wire

from tests.client.faults import Fault
from tests.client.scripted import Command, Script

PRESETS = (
    catalog_pb2.Preset(
        name="full",
        description="All at once.",
        steps=512,
        spec=spec_pb2.RenderSpec(
            steps=512, views=16, parametrization={"maco": {}}, optimizer={"nadam": {}}, transforms={"set": "maco"}
        ),
    ),
    catalog_pb2.Preset(name="old", description="Of a server that says no more.", steps=48),
    catalog_pb2.Preset(name="odd\x1b[31m", description="a\nb", steps=7, spec=spec_pb2.RenderSpec(views=2)),
)
SETS = (
    catalog_pb2.TransformSet(name="lucid", description="Lucid's.", steps=[{"jitter": {"px": 8}}]),
    catalog_pb2.TransformSet(name="none", description="The picture itself."),
)

HEAD = ["PRESET", "STEPS", "VIEWS", "PARAMETRIZATION", "OPTIMIZER", "DESCRIPTION"]


class WithPresets(Script):
    """A server with presets and sets of transforms."""

    presets: tuple[catalog_pb2.Preset, ...] = PRESETS
    sets: tuple[catalog_pb2.TransformSet, ...] = SETS

    def GetServerInfo(  # noqa: N802
        self, request: wire.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> wire.GetServerInfoResponse:
        response = super().GetServerInfo(request, context)
        del response.info.presets[:]
        response.info.presets.extend(self.presets)
        response.info.transform_sets.extend(self.sets)
        return response


@pytest.fixture
def script() -> Script:
    return WithPresets()


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each line of each table, which an empty line separates."""
    return [
        [re.split(r" {2,}", line.strip()) for line in table.splitlines()] for table in text.strip("\n").split("\n\n")
    ]


def test_presets_and_sets_of_transforms_are_listed(command: Command, script: Script) -> None:
    result = command("presets")
    assert (result.exit_code, result.stderr) == (0, "")
    presets, sets = tables(result.stdout)
    assert presets[:3] == [
        HEAD,
        ["full", "512", "16", "maco", "nadam", "All at once."],
        ["old", "48", "1", "-", "-", "Of a server that says no more."],
    ]
    assert sets == [["TRANSFORMS", "DESCRIPTION"], ["lucid", "Lucid's."], ["none", "The picture itself."]]
    (request,) = script.requests
    assert isinstance(request, wire.GetServerInfoRequest)


def test_the_names_of_a_server_cannot_control_the_terminal(command: Command) -> None:
    result = command("presets")
    assert "\x1b" not in result.stdout
    assert len(tables(result.stdout)[0]) == 1 + len(PRESETS)


def test_a_preset_of_a_newer_server_is_listed(command: Command, script: WithPresets) -> None:
    newer = catalog_pb2.Preset(name="newer", description="New.", steps=1)
    newer.spec.parametrization.MergeFromString(b"\x9a\x06\x00")  # of a kind that this version does not know
    newer.spec.transforms.steps.add().MergeFromString(b"\x9a\x06\x00")
    script.presets = (newer,)
    result = command("presets")
    assert (result.exit_code, result.stderr) == (0, "")
    assert tables(result.stdout)[0][1] == ["newer", "1", "1", "-", "-", "New."]


def test_a_server_without_sets_has_an_empty_table(command: Command, script: WithPresets) -> None:
    script.presets, script.sets = (), ()
    result = command("presets")
    assert (result.exit_code, result.stderr) == (0, "")
    assert tables(result.stdout) == [[HEAD], [["TRANSFORMS", "DESCRIPTION"]]]


@pytest.mark.parametrize(
    ("status", "code"), [(grpc.StatusCode.UNAUTHENTICATED, 2), (grpc.StatusCode.RESOURCE_EXHAUSTED, 1)]
)
def test_a_refusal_of_the_server_is_a_sentence(
    command: Command, script: Script, status: grpc.StatusCode, code: int
) -> None:
    script.faults.append(Fault(status, "Not now."))
    result = command("presets")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == "Error: Not now.\n"


def test_arguments_are_refused(command: Command, script: Script) -> None:
    result = command("presets", "lucid")
    assert result.exit_code == 2
    assert "unexpected extra argument" in result.stderr
    assert script.requests == []
