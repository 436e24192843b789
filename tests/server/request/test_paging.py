"""Pages of lists."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from reverie_server.errors import InvalidRequest
from reverie_server.request.paging import page

ITEMS = [f"item {i}" for i in range(250)]

# The requested size, and the sizes of the pages.
PAGES = [(0, [100, 100, 50]), (100, [100, 100, 50]), (1000, [100, 100, 50]), (125, [100, 100, 50]), (90, [90, 90, 70])]

# Tokens that no page of this list returned.
STRANGE = ["x", "é", "AAAA", "====", base64.urlsafe_b64encode(b"00000000:100").decode(), "9" * 5000]


@dataclass
class Request:
    page_size: int = 0
    page_token: str = ""


def walk(size: int) -> list[list[str]]:
    pages, token = [], ""
    while True:
        items, token = page(ITEMS, Request(size, token), scope="items")
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
