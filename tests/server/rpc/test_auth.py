"""The identity of a caller, by which the device is shared fairly."""

from __future__ import annotations

import pytest
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_ONLY, RenderImageRequest
from reverie_server.rpc.auth import REQUIRED_RIGHTS
from reverie_server.rpc.caller import READ, RENDER, Caller, current_caller, peer_host


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("ipv4:192.0.2.1:43210", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:43210", "%5B2001:db8::1%5D"),
        ("unix:", "unix"),
        ("", ""),
    ],
)
def test_a_host_is_identified_without_its_port(peer: str, name: str) -> None:
    assert peer_host(peer) == name


def test_without_a_caller_nothing_is_charged_and_every_job_is_in_scope() -> None:
    assert current_caller() == Caller()
    current_caller().account.reserve(10**12)
    current_caller().account.reserve(10**12)
    assert current_caller().scope is None


def test_a_render_needs_another_right_than_a_stored_picture() -> None:
    for method in ("RenderImage", "StreamRender"):
        assert REQUIRED_RIGHTS[method](RenderImageRequest()) == RENDER
        assert REQUIRED_RIGHTS[method](RenderImageRequest(cache=CACHE_MODE_ONLY)) == READ
