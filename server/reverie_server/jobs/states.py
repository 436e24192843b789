"""Sets of job states."""

from __future__ import annotations

from reverie_proto.v1 import jobs_pb2

#: States of a job that has not ended.
OPEN = (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING)
