"""Which states of a job are which."""

from __future__ import annotations

from reverie_proto.v1 import jobs_pb2

#: The job goes on.
OPEN = (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING)
