"""The bounds of what a server accepts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from reverie_proto.v1 import catalog_pb2

#: Renders of one program that share a step, at most.
MAX_BATCH = 64


@dataclass(frozen=True)
class Limits:
    """The bounds of requests; GetServerInfo returns those that clients can plan by."""

    min_size_px: int = 16
    #: The largest picture whose PNG fits `max_response_bytes` whatever it shows.
    max_size_px: int = 1024
    max_steps: int = 10_000
    max_frames: int = 256
    max_terms: int = 16
    #: The default bound of a reply in every gRPC client.
    max_response_bytes: int = 4 * 2**20
    #: Of pixels times steps: 2048 steps at the largest size, all steps up to 463 px.
    max_pixel_steps: int = 2**31
    #: Renders of one program that share a step; an engine sets it to what it does.
    max_batch: int = 1
    #: Renders that may wait for the device. One client may take three quarters of it.
    max_waiting_renders: int = 64
    #: What loaded programs may hold in memory together, in MiB, by an estimate. A program alone is always loaded.
    program_memory_mb: int = 4096
    max_job_items: int = 10_000
    #: Jobs that have not ended, and ended jobs that are kept: the oldest are deleted first.
    max_open_jobs: int = 16
    max_ended_jobs: int = 200
    max_request_bytes: int = 2**20
    #: Frames wait in memory, as float32, for a client that reads slowly; not announced, because no client plans by it.
    max_waiting_frame_bytes: int = 128 * 2**20

    def message(self) -> catalog_pb2.Limits:
        """Return the announced bounds as a wire message."""
        announced = catalog_pb2.Limits.DESCRIPTOR.fields_by_name
        return catalog_pb2.Limits(**{name: value for name, value in asdict(self).items() if name in announced})
