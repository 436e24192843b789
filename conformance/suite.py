"""The suite: all tasks, written for the runtimes, and the results that are stored in the repository.

python -m conformance.suite            write the tasks to .build/conformance/suite
python -m conformance.suite --answer   compute the stored results again, in float64
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from conformance.double import exact
from conformance.embedded import embedded_tasks
from conformance.graphs import small_tasks
from conformance.task import SUITE, Task, write_suite

ANSWER = Path(__file__).with_name("answer.npz")


def tasks() -> list[Task]:
    """Return all tasks."""
    return [*embedded_tasks(), *small_tasks()]


def main() -> None:
    """Write the suite and, with --answer, the stored results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answer", action="store_true", help="compute the stored results again")
    given = parser.parse_args()
    suite = tasks()
    write_suite(suite, SUITE)
    if given.answer:
        answers: dict[str, np.ndarray] = {}
        for task in suite:
            if not task.timed:
                found = exact(task)
                # Rounded once, at the end, which is a tenth of the error of float32 arithmetic.
                answers |= {f"{task.name}/{name}": array.astype(np.float32) for name, array in found.items()}
                print(f"{task.name}: {', '.join(found)}", flush=True)
        np.savez_compressed(ANSWER, allow_pickle=False, **answers)


if __name__ == "__main__":
    main()
