"""Pictures whose height and width differ, over gRPC and by the engine: the same picture, of the size that was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reverie_proto.sizes import Size, from_message, to_message
from reverie_proto.v1 import objective_pb2, spec_pb2
from reverie_proto.v1.jobs_pb2 import CreateRenderJobRequest, JobLayer, WatchRenderJobRequest
from reverie_proto.v1.spec_pb2 import FrameRequest, RenderSpec
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_ONLY, ListLayersRequest, ListModelsRequest, RenderImageRequest
from reverie_server import Engine

from tests import parts
from tests.models import write_tiny_model
from tests.server.hosts import Served, served

SIZES: list[Size] = [(96, 160), (160, 96), (8, 300), (33, 17)]


def spec(size: Size, **changes: Any) -> RenderSpec:
    objective = objective_pb2.Objective(channel=objective_pb2.ChannelObjective(layer="conv3_1", channel=1))
    return RenderSpec(model="tiny", objective=objective, size=to_message(size), steps=3, **changes)


@pytest.mark.parametrize("transforms", [parts.NONE, parts.LUCID])
@pytest.mark.parametrize("parametrization", [parts.FOURIER, parts.PIXEL])
@pytest.mark.parametrize("size", SIZES)
async def test_a_picture_has_the_height_and_width_that_were_asked(
    service: Served, size: Size, parametrization: int, transforms: int
) -> None:
    asked = spec(size, parametrization=parametrization, transforms=transforms)
    made = (await service.call.RenderImage(RenderImageRequest(spec=asked))).rendering
    assert (made.image.height_px, made.image.width_px) == from_message(made.effective_spec.size) == size
    with Image.open(BytesIO(made.image.data)) as image:
        assert (image.height, image.width) == size
    here = await asyncio.to_thread(lambda: service.engine.render(spec=asked))
    assert here.array.shape == (*size, 3)
    assert here.encoded() == made.image.data
    assert here.outcome == "converged"


async def test_raw_numbers_are_rows_of_the_width(service: Served) -> None:
    request = RenderImageRequest(spec=spec((24, 40)), format=spec_pb2.IMAGE_FORMAT_RAW)
    image = (await service.call.RenderImage(request)).rendering.image
    here = await asyncio.to_thread(lambda: service.engine.render(spec=spec((24, 40))))
    np.testing.assert_array_equal(np.frombuffer(image.data, "<f4").reshape(3, 24, 40).transpose(1, 2, 0), here.array)


async def test_a_frame_is_scaled_down_by_its_longer_side(service: Served) -> None:
    frames = FrameRequest(steps=[0], max_size_px=20)
    made = (await service.call.RenderImage(RenderImageRequest(spec=spec((16, 40)), frames=frames))).rendering
    assert [(frame.image.height_px, frame.image.width_px) for frame in made.frames] == [(8, 20)]


async def test_renders_of_two_orientations_are_two_pictures(service: Served) -> None:
    tall, wide = [
        (await service.call.RenderImage(RenderImageRequest(spec=spec(size)))).rendering for size in ((40, 16), (16, 40))
    ]
    assert tall.spec_digest != wide.spec_digest
    assert (tall.image.height_px, wide.image.height_px) == (40, 16)


# ----- a model whose layer conv3_1 takes one height only -----


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Served]:
    manifest = write_tiny_model(tmp_path / "models" / "tiny") / "manifest.json"
    fields = json.loads(manifest.read_text())
    fields["native_size"] = {"height_px": 24, "width_px": 40}
    for entry in fields["layers"]:
        if entry["layer"]["name"] == "conv3_1":
            entry["layer"]["fixed_size"] = {"height_px": 16}
    manifest.write_text(json.dumps(fields))
    engine = await asyncio.to_thread(
        Engine, [tmp_path / "models"], device="cpu", threads=1, store=tmp_path / "store", jobs=tmp_path / "jobs.sqlite"
    )
    async with served(engine) as service:
        yield service
    await asyncio.to_thread(engine.close)


async def test_the_catalog_says_the_sizes(narrow: Served) -> None:
    (model,) = (await narrow.call.ListModels(ListModelsRequest())).models
    layers = {each.name: each for each in (await narrow.call.ListLayers(ListLayersRequest(model="tiny"))).layers}
    assert from_message(model.native_size) == (24, 40)
    assert from_message(layers["conv3_1"].fixed_size) == (16, 0)
    assert not layers["conv1_1"].HasField("fixed_size")


@pytest.mark.parametrize("names", [("conv3_1",), ("conv1_1", "conv3_1"), ("conv3_1", "conv1_1")])
async def test_all_pictures_of_a_job_have_a_size_that_its_layers_take(narrow: Served, names: tuple[str, ...]) -> None:
    layers = [JobLayer(layer=name, channels=[{"first": 0, "last": 0}]) for name in names]
    template = RenderSpec(model="tiny", steps=2)
    job = (await narrow.call.CreateRenderJob(CreateRenderJobRequest(template=template, layers=layers))).job
    assert from_message(job.template.size) == (16, 40)
    events = [event async for event in narrow.call.WatchRenderJob(WatchRenderJobRequest(id=job.id), timeout=60)]
    items = [event.item for event in events if event.HasField("item")]
    assert len(items) == len(names)
    for item in items:
        kept = RenderImageRequest(spec=item.effective_spec, cache=CACHE_MODE_ONLY)
        image = (await narrow.call.RenderImage(kept)).rendering.image
        assert (image.height_px, image.width_px) == (16, 40)
