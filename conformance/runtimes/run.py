"""Run the suite in one runtime: ``python -m conformance.runtimes.run MODULE SUITE ANSWERS --repeats 5``.

Writes each output to ANSWERS/TASK.OUTPUT.bin and, last, ANSWERS/report.json: the runtime's version, and for each task
the seconds of each repeat, or what went wrong. The runtimes in JavaScript write the same.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance.runtimes.contract import Graph

SLOW = {"reference"}
"""Runtimes that skip the tasks for timing."""


def main() -> None:
    """Run every task and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module")
    parser.add_argument("suite", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    given.answers.mkdir(parents=True, exist_ok=True)
    runtime = importlib.import_module(f"conformance.runtimes.{given.module}")
    report: dict[str, Any] = {"version": runtime.version(), "tasks": {}}
    for entry in json.loads((given.suite / "suite.json").read_text()):
        if not (entry["timed"] and given.module in SLOW):
            report["tasks"][entry["name"]] = _attempt(runtime, entry, given)
    (given.answers / "report.json").write_text(json.dumps(report))


def _attempt(runtime: Any, entry: Mapping[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    feeds = {
        each["name"]: np.fromfile(given.suite / each["file"], each["dtype"]).reshape(each["shape"])
        for each in entry["inputs"]
    }
    graph = Graph(given.suite / entry["file"], feeds, tuple(entry["outputs"]), entry["sizes"])
    try:
        run = runtime.load(graph)
        for name, array in run().items():
            np.ascontiguousarray(array, np.float32).tofile(given.answers / f"{entry['name']}.{name}.bin")
        seconds = []
        for _ in range(given.repeats):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
    except Exception as error:  # any failure of a runtime is a result
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
    return {"seconds": seconds}


if __name__ == "__main__":
    main()
