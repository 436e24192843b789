"""The identity of a caller, by which the device is shared fairly."""

from __future__ import annotations

from typing import Any, cast

import pytest
from reverie_proto.v1.visualization_pb2 import CACHE_MODE_ONLY, RenderImageRequest
from reverie_server.rpc.auth import REQUIRED_RIGHTS, Authorizer
from reverie_server.rpc.caller import READ, RENDER, Caller, current_caller, peer_host
from reverie_server.rpc.interceptor import Call


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


class Peer:
    """The context of a call, as gRPC makes it for a connection with these properties."""

    def __init__(self, **properties: bytes) -> None:
        self._properties: dict[str, tuple[bytes, ...]] = {name: (value,) for name, value in properties.items()}

    def peer(self) -> str:
        return "ipv4:192.0.2.1:43210"

    def auth_context(self) -> dict[str, tuple[bytes, ...]]:
        return self._properties


# A connection, its caller's name, and the owner whose jobs it sees, None for all.
PEERS = [
    (Peer(), "192.0.2.1", None),
    (Peer(transport_security_type=b"ssl"), "192.0.2.1", None),
    (Peer(x509_common_name=b"ada", x509_pem_cert=b"x"), "cn:ada", "cn:ada"),
    (Peer(x509_common_name=b"key:0123", x509_pem_cert=b"x"), "cn:key:0123", "cn:key:0123"),
    (Peer(x509_common_name=b"a" * 200, x509_pem_cert=b"x"), "cn:" + "a" * 97, "cn:" + "a" * 200),
    (Peer(x509_common_name=b"\xff", x509_pem_cert=b"x"), "cn:\\xff", "cn:\\xff"),
    (Peer(x509_pem_cert=b"x"), "cn:", "cn:"),
]


@pytest.mark.parametrize(("peer", "name", "scope"), PEERS)
async def test_without_keys_a_certificate_identifies_the_owner_of_jobs(
    peer: Peer, name: str, scope: str | None
) -> None:
    async with Authorizer(None)(Call("/reverie.v1.VisualizationService/ListModels", {}, None, cast(Any, peer))):
        caller = current_caller()
    assert (caller.name, caller.scope) == (name, scope)
    assert caller.account.owner == (scope or "")


def test_a_render_needs_another_right_than_a_stored_picture() -> None:
    for method in ("RenderImage", "StreamRender"):
        assert REQUIRED_RIGHTS[method](RenderImageRequest()) == RENDER
        assert REQUIRED_RIGHTS[method](RenderImageRequest(cache=CACHE_MODE_ONLY)) == READ
