"""Starts `reverie serve` with the given arguments, waits until it is ready, and stops it: for the code of the pages."""

from __future__ import annotations

import sys

from tests.reliability.process import ServerProcess

with ServerProcess(*sys.argv[1:]) as process:
    assert process.is_well()
    status, log = process.stop()
print(log, file=sys.stderr)
sys.exit(status)
