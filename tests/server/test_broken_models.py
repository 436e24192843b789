"""One broken model keeps no other from being listed and rendered, and says what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from reverie_ascent.models.repository import ModelError
from reverie_proto.v1 import visualization_pb2 as wire
from reverie_server import Engine, NotServed

from tests.server.captured_log import logging_as
from tests.server.hosts import render_request, served

PROBLEM = "has 0 channels, and every layer has at least 1; export the model again"


def changed(folder: Path, **fields: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= fields
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def folders(models: Path, tmp_path: Path) -> Path:
    """One good model, one that the manifest gives away, and one whose file differs."""
    for name in ("tiny", "early", "late"):
        shutil.copytree(models / "tiny", tmp_path / name)
        changed(tmp_path / name, name=name)
    layers = json.loads((tmp_path / "early" / "manifest.json").read_text())["layers"]
    layers[0]["layer"]["channels"] = 0
    changed(tmp_path / "early", layers=layers)
    late = tmp_path / "late" / "conv1_1.onnx"
    late.write_bytes(bytes(late.stat().st_size))
    return tmp_path


@pytest.fixture
def mixed(folders: Path) -> Iterator[Engine]:
    with Engine([folders], device="cpu", threads=1) as engine:
        engine.verify()
        yield engine


async def test_broken_models_are_listed_and_refused_with_their_problem(mixed: Engine) -> None:
    async with served(mixed) as service:
        listed = {each.name: each for each in (await service.call.ListModels(wire.ListModelsRequest())).models}
        assert list(listed) == ["early", "late", "tiny"]
        assert listed["early"].problem.endswith(PROBLEM)
        assert "conv1_1.onnx is not what was exported" in listed["late"].problem
        assert listed["tiny"].problem == ""
        assert listed["early"].layer_count == 0
        request = render_request()
        request.spec.model = "early"
        for call in (
            service.call.RenderImage(request, timeout=20),
            service.call.ListLayers(wire.ListLayersRequest(model="early"), timeout=20),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call
            assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
            assert PROBLEM in (refusal.value.details() or "")


def test_the_others_are_rendered(mixed: Engine) -> None:
    assert mixed.render("tiny", "conv1_1", 1, size=16, steps=1).steps == 1
    with pytest.raises(NotServed, match=r"'late' is broken: .*conv1_1\.onnx"):
        mixed.render("late", "conv1_1", 1, size=16, steps=1)


def test_the_log_names_every_broken_model(folders: Path) -> None:
    with logging_as("console") as written, Engine([folders], device="cpu", threads=1) as engine:
        engine.verify()
    lines = [line for line in written.getvalue().splitlines() if "the model" in line]
    assert [line.partition(": ")[2].partition(" is broken")[0] for line in lines] == [
        "the model early",
        "the model late",
    ]


def test_an_engine_without_one_good_model_does_not_start(folders: Path) -> None:
    shutil.rmtree(folders / "tiny")
    engine = Engine([folders], device="cpu", threads=1)
    with engine, pytest.raises(ModelError) as refusal:
        engine.verify()
    assert PROBLEM in str(refusal.value)
    assert "conv1_1.onnx is not what was exported" in str(refusal.value)
