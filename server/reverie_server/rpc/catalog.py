"""The methods of `reverie.v1` that list what a server offers: its properties, its models and their layers."""

# ruff: noqa: N802 - methods are called what the .proto file calls them

from __future__ import annotations

import grpc
from reverie_proto.v1 import visualization_pb2

from reverie_server.engine import Engine
from reverie_server.request import paging
from reverie_server.rpc.replies import Replies, with_room
from reverie_server.rpc.status import rpc_method


class CatalogServicer:
    """Serves the catalog of an engine."""

    def __init__(self, engine: Engine, replies: Replies) -> None:
        self._engine = engine
        self.replies = replies

    @rpc_method
    @with_room
    async def GetServerInfo(
        self, request: visualization_pb2.GetServerInfoRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.GetServerInfoResponse:
        """Version, device, presets and limits."""
        return visualization_pb2.GetServerInfoResponse(info=self._engine.info())

    @rpc_method
    @with_room
    async def ListModels(
        self, request: visualization_pb2.ListModelsRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.ListModelsResponse:
        """The models served here, by name."""
        models, token = paging.page(self._engine.models(), request, scope="models")
        return visualization_pb2.ListModelsResponse(models=models, next_page_token=token)

    @rpc_method
    @with_room
    async def ListLayers(
        self, request: visualization_pb2.ListLayersRequest, context: grpc.aio.ServicerContext
    ) -> visualization_pb2.ListLayersResponse:
        """The layers of a model, from the picture upwards, a page at a time."""
        layers, token = paging.page(self._engine.layers(request.model), request, scope=f"layers of {request.model}")
        return visualization_pb2.ListLayersResponse(layers=layers, next_page_token=token)
