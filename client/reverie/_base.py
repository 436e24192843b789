"""The part that the blocking and the asyncio client share: configuration, channel and error translation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
from reverie_proto.v1.visualization_pb2_grpc import VisualizationServiceStub

from reverie import _trace
from reverie._connection import connection
from reverie._requests import NOT_SENT, timeout_problems
from reverie._translation import translate
from reverie.errors import ReverieError, UsageError, refuse

CATALOGUE_TIMEOUT_S = 30.0


class BaseClient:
    """Holds the server's address, the default timeout, and the gRPC channel once it is open."""

    def __init__(
        self,
        address: str = "localhost:50051",
        *,
        token: str | None = None,
        tls_ca: str | Path | None = None,
        tls_cert: str | Path | None = None,
        tls_key: str | Path | None = None,
        tls_name: str | None = None,
        insecure: bool | None = None,
        timeout: float | None = None,
        channel: Any = None,
    ) -> None:
        self._connection = connection(
            address,
            token=token,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_name=tls_name,
            insecure=insecure,
        )
        refuse(NOT_SENT, timeout_problems({"timeout": timeout}))
        self._timeout = timeout
        self._channel = channel
        self._owns_channel = channel is None
        self._stub: VisualizationServiceStub | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.target!r})"

    def _begin(self, rpc: str, transport: Any) -> Any:
        """Return the callable for an RPC on a channel of ``transport``, which is grpc or grpc.aio.

        The channel is opened on first use, because a grpc.aio channel is bound to the event loop that runs when it is
        created, and a client may be constructed before any loop runs.
        """
        if self._closed:
            raise UsageError(f"{self!r} is closed.")
        if self._stub is None:
            to = self._connection
            if self._channel is None and to.credentials is None:
                self._channel = transport.insecure_channel(to.target, to.options)
            elif self._channel is None:
                self._channel = transport.secure_channel(to.target, to.credentials, to.options)
            self._stub = VisualizationServiceStub(self._channel)
        return getattr(self._stub, rpc)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a call: the token, and the trace that the call is part of."""
        return self._connection.metadata + _trace.context()

    def _seconds(self, timeout: float | None) -> float:
        """Return the timeout of a short call, such as one about the catalogue: the call's, the client's or 30 s."""
        refuse(NOT_SENT, timeout_problems({"timeout": timeout}))
        return next(seconds for seconds in (timeout, self._timeout, CATALOGUE_TIMEOUT_S) if seconds is not None)

    def _error(self, error: grpc.RpcError) -> ReverieError:
        # Of a channel that the host opened it is not known whether it is plaintext.
        plaintext = self._connection.credentials is None if self._owns_channel else None
        return translate(error, target=self._connection.target, plaintext=plaintext)
