"""Pages of lists."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from google.protobuf.message import Message
from reverie_proto.v1 import catalog_pb2, jobs_pb2
from reverie_server.errors import InvalidRequest
from reverie_server.request.paging import FRAMING_BYTES, MAX_PAGE_BYTES, page, shortened

ITEMS = [catalog_pb2.Layer(name=f"item {i}") for i in range(250)]

# The requested size, and the sizes of the pages.
PAGES = [(0, [100, 100, 50]), (100, [100, 100, 50]), (1000, [100, 100, 50]), (125, [100, 100, 50]), (90, [90, 90, 70])]

# Tokens that no page of this list returned.
STRANGE = ["x", "é", "AAAA", "====", base64.urlsafe_b64encode(b"00000000:100").decode(), "9" * 5000]


@dataclass
class Request:
    page_size: int = 0
    page_token: str = ""


def walk(size: int, all_items: Sequence[Message] = ITEMS) -> list[list[Message]]:
    pages, token = [], ""
    while True:
        items, token = page(all_items, Request(size, token), scope="items")
        pages.append(list(items))
        if not token:
            return pages


@pytest.mark.parametrize(("size", "lengths"), PAGES)
def test_the_pages_together_are_the_list(size: int, lengths: list[int]) -> None:
    pages = walk(size)
    assert [len(each) for each in pages] == lengths
    assert [item for each in pages for item in each] == ITEMS


def test_an_empty_list_is_one_empty_page() -> None:
    assert page([], Request(), scope="items") == ([], "")


@pytest.mark.parametrize("token", STRANGE)
def test_an_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest, match=r"page_token: .* does not come from a page of this list"):
        page(ITEMS, Request(page_token=token), scope="items")


def test_a_token_of_another_list_is_refused() -> None:
    _, token = page(ITEMS, Request(), scope="items")
    with pytest.raises(InvalidRequest, match="page_token"):
        page(ITEMS, Request(page_token=token), scope="other items")


def test_a_negative_size_and_a_strange_token_are_refused_together() -> None:
    with pytest.raises(InvalidRequest, match=r"page_size: -1 is not in .*page_token"):
        page(ITEMS, Request(-1, "x"), scope="items")


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize("length", [100, 80_000, MAX_PAGE_BYTES // 2, MAX_PAGE_BYTES - 100])
def test_a_page_ends_before_it_is_too_long_and_the_pages_together_are_the_list(count: int, length: int) -> None:
    models = [catalog_pb2.Model(name=f"{n}", description="x" * length) for n in range(count)]
    pages = walk(0, models)
    assert [item for each in pages for item in each] == models
    for each in pages:
        assert sum(item.ByteSize() + FRAMING_BYTES for item in each) <= MAX_PAGE_BYTES
    for each, following in itertools.pairwise(pages):  # no page ends earlier than it must
        assert sum(item.ByteSize() + FRAMING_BYTES for item in [*each, following[0]]) > MAX_PAGE_BYTES


def test_an_entry_that_is_longer_than_a_page_comes_without_its_longest_fields() -> None:
    layers = [jobs_pb2.JobLayer(layer="conv5_1", channels=[jobs_pb2.ChannelRange(first=1, last=2)] * 1000)] * 300
    jobs = [jobs_pb2.RenderJob(id="a", layers=layers, item_count=7), jobs_pb2.RenderJob(id="b")]
    ((short, other),) = walk(0, jobs)
    assert short == jobs_pb2.RenderJob(id="a", item_count=7)
    assert other == jobs[1]


def test_fields_are_left_out_by_length_until_the_entry_fits() -> None:
    model = catalog_pb2.Model(name="n", description="d" * 900, labels=["l" * 500], digest="s" * 50)
    assert shortened(model, 2000) is model
    assert shortened(model, 700) == catalog_pb2.Model(name="n", labels=["l" * 500], digest="s" * 50)
    assert shortened(model, 100) == catalog_pb2.Model(name="n", digest="s" * 50)
    assert model.description
