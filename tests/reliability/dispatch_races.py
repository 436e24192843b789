"""Forced races between requests, renders and the store: those of the test, with more seeds.

Run as `python -m tests.reliability.dispatch_races [--seeds 500]`; the exit status is 1 if a seed breaks a promise.
"""

from __future__ import annotations

import argparse
import sys

from tests.server.dispatch.races import RACES


def main() -> None:
    """Run the races with many seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    seeds = parser.parse_args().seeds
    broken = [f"{name}, {each}" for name, race in RACES.items() for seed in range(seeds) for each in race(seed)]
    for each in broken:
        print(each)
    print(f"{seeds} seeds, {len(broken)} promises broken")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
