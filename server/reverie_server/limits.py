"""What a server refuses to do, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from reverie_proto.v1 import catalog_pb2


@dataclass(frozen=True)
class Limits:
    """The bounds of a request, as GetServerInfo announces them."""

    min_size_px: int = 16
    #: The largest picture whose PNG fits `max_response_bytes` whatever it shows.
    max_size_px: int = 1024
    max_steps: int = 10_000
    max_frames: int = 256
    max_terms: int = 16
    #: What every gRPC client accepts unless told otherwise.
    max_response_bytes: int = 4 * 2**20
    max_request_bytes: int = 2**20
    #: Frames wait in memory, as float32, for a client that reads slowly; not announced, because no client plans by it.
    max_waiting_frame_bytes: int = 128 * 2**20
    #: Renders that may wait for the device; not announced either.
    max_waiting_renders: int = 64

    def message(self) -> catalog_pb2.Limits:
        """Return the announced bounds in the wire's words."""
        announced = catalog_pb2.Limits.DESCRIPTOR.fields_by_name
        return catalog_pb2.Limits(**{name: value for name, value in asdict(self).items() if name in announced})
