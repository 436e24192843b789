"""The handlers of a gRPC service, made from the service's descriptor."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

#: How gRPC names a method by whether requests and replies are streams.
KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def service_handler(service: ServiceDescriptor, *servicers: object) -> grpc.GenericRpcHandler:
    """Return the handler of a service whose methods are spread over some objects, each named as in the .proto file.

    Raises TypeError for a method that none of the objects has, or more than one.
    """
    handlers = {method.name: _handler(method, servicers) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, servicers: tuple[object, ...]) -> grpc.RpcMethodHandler:
    behaviours = [behaviour for each in servicers if (behaviour := getattr(each, method.name, None)) is not None]
    if len(behaviours) != 1:
        raise TypeError(f"{method.full_name} has {len(behaviours)} servicers; it needs exactly one")
    make = getattr(grpc, f"{KINDS[method.client_streaming, method.server_streaming]}_rpc_method_handler")
    request: Any = message_factory.GetMessageClass(method.input_type)
    reply: Any = message_factory.GetMessageClass(method.output_type)
    return make(behaviours[0], request_deserializer=request.FromString, response_serializer=reply.SerializeToString)
