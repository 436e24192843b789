"""The limits of the requests that a server accepts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from reverie_proto.v1 import catalog_pb2

#: Renders of one program that share a step, at most.
MAX_BATCH = 64


@dataclass(frozen=True)
class Limits:
    """The limits of requests; GetServerInfo returns those that are useful to clients."""

    #: The smallest side of a picture. Most layers need more, which their entries in the catalog say.
    min_size_px: int = 1
    #: The largest side. The PNG of such a square fits `max_response_bytes` whatever it shows.
    max_size_px: int = 1024
    max_steps: int = 10_000
    max_frames: int = 256
    max_terms: int = 1024
    #: The default limit of a reply in every gRPC client.
    max_response_bytes: int = 4 * 2**20
    #: The most pixels (height x width) times steps: 2048 steps at the largest size, `max_steps` up to 463 px.
    max_pixel_steps: int = 2**31
    #: Renders of one program that share a step; an engine sets it to its own batch.
    max_batch: int = 1
    #: Renders that may wait for the device. One client may fill three quarters of the queue.
    max_waiting_renders: int = 64
    #: The estimated memory of all loaded programs together, in MiB. If no other is loaded, any program is accepted.
    program_memory_mb: int = 4096
    max_job_items: int = 10_000
    #: Jobs of one client that have not ended, and ended ones that are kept: the oldest are deleted first.
    max_open_jobs: int = 16
    max_ended_jobs: int = 200
    #: The same for all clients together; not announced, because no client can see the jobs of others. A bound below
    #: that of one client has no effect.
    max_open_jobs_in_all: int = 64
    max_ended_jobs_in_all: int = 1000
    #: Views of a picture at each step, pictures of a group, and the product of both.
    max_views: int = 64
    max_pictures: int = 64
    max_network_pictures: int = 128
    #: Renders of which the best one is returned.
    max_best_of: int = 32
    max_transforms: int = 64
    max_penalties: int = 16
    #: Numbers of a mask, a measured magnitude or a whole activation, which a request of 1 MiB holds.
    max_numbers: int = 250_000
    max_request_bytes: int = 2**20
    #: The most bytes that wait for clients to read them, for all clients together and for one: half for the pictures of
    #: streams, half for messages that are being sent.
    max_waiting_bytes: int = 512 * 2**20
    max_client_waiting_bytes: int = 256 * 2**20
    #: Seconds that a client may take to read one message before its call ends.
    max_read_s: int = 120

    def message(self) -> catalog_pb2.Limits:
        """Return the announced limits as a wire message."""
        announced = catalog_pb2.Limits.DESCRIPTOR.fields_by_name
        return catalog_pb2.Limits(**{name: value for name, value in asdict(self).items() if name in announced})
