"""Run the suite in every runtime, compare with the stored results, and write figures and tables.

    python -m conformance [--rounds 1] [--repeats 5] [--only NAME ...]

A round runs every runtime once, each in a separate process, so that with several rounds they take turns (A B A B).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conformance.published import published
from conformance.suite import ANSWER, tasks
from conformance.table import agreement, errors, insert, read, speed
from conformance.task import SUITE, write_suite
from tests.figures import write_json

ROOT = Path(__file__).parent.parent
ANSWERS = SUITE.with_name("answers")
FIGURES = ROOT / "bench" / "results" / "conformance.json"
PAGE = ROOT / "docs" / "runtimes.md"
JAVASCRIPT = ROOT / "conformance" / "javascript"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Runtime:
    """A runtime: ``command`` runs the suite, with the suite, the output folder and the repeats as last arguments."""

    name: str
    command: tuple[str, ...]
    missing: str = ""

    def run(self, answers: Path, repeats: int) -> str:
        """Run the suite; return the reason if it could not be run, else None."""
        if self.missing:
            return self.missing
        shutil.rmtree(answers, ignore_errors=True)
        end = ("--repeats", str(repeats)) if self.command[1] == "-m" else (str(repeats),)
        chromium = (str(CHROMIUM),) if self.name.startswith("onnxruntime-web") else ()
        command = [*self.command, str(SUITE), str(answers), *end, *chromium]
        done = subprocess.run(command, cwd=ROOT, timeout=900)
        return "" if done.returncode == 0 else f"its process ended with {done.returncode}"


def _python(environment: str, module: str) -> tuple[str, ...]:
    return (f".venv/{environment}/bin/python", "-m", "conformance.runtimes.run", module)


def _no_node() -> str:
    return "" if shutil.which("npm") else "not run: there is no Node.js with npm here"


def _no_chromium() -> str:
    return "" if CHROMIUM else "not run: there is no Chromium here"


def _no_gpu() -> str:
    return "" if shutil.which("nvidia-smi") else "not run: there is no NVIDIA GPU here"


RUNTIMES = [
    Runtime("onnxruntime", _python("serve", "onnxruntime_cpu")),
    Runtime("onnxruntime, the oldest served", _python("onnxruntime-served", "onnxruntime_cpu")),
    Runtime("onnxruntime, the oldest there is", _python("onnxruntime-oldest", "onnxruntime_cpu")),
    Runtime("onnx reference", _python("serve", "reference")),
    Runtime("OpenVINO", _python("openvino", "openvino_cpu")),
    Runtime("onnxruntime-node", ("node", str(JAVASCRIPT / "node.mjs")), _no_node()),
    Runtime(
        "onnxruntime-web, WebAssembly",
        ("node", str(JAVASCRIPT / "web.mjs")),
        _no_node() or _no_chromium(),
    ),
    Runtime("onnxruntime, CUDA", _python("onnxruntime-gpu", "onnxruntime_cuda"), _no_gpu()),
]


def main() -> None:
    """Run the suite in all runtimes, compare, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names of runtimes; figures are then printed and not written")
    given = parser.parse_args()
    suite = tasks()
    write_suite(suite, SUITE)
    stored = dict(np.load(ANSWER))
    chosen = [r for r in RUNTIMES if not given.only or r.name in given.only]
    results: dict[str, Any] = {}
    for turn in range(given.rounds):
        for runtime in chosen:
            print(f"== {runtime.name}, round {turn + 1}", flush=True)
            _round(runtime, given.repeats, stored, results)
    checked = [task.name for task in suite if not task.timed]
    timed = ["conv3_4", "logits", "step_program", *(task.name for task in suite if task.timed)]
    tables = [
        "Relative L2 distance from the stored answer, the worst output of each graph:",
        "\n".join(agreement(results, checked)),
        "\n".join(errors(results)),
        "Medians in milliseconds:",
        "\n".join(speed(results, timed)),
        "Not run; what the published lists of operators say:",
        "\n".join(published(suite)),
    ]
    text = "\n\n".join(part for part in tables if part)
    if given.only:
        sys.stdout.write(text + "\n")
    else:
        write_json(FIGURES, results)
        insert(PAGE, text)


def _round(runtime: Runtime, repeats: int, stored: dict[str, np.ndarray], results: dict[str, Any]) -> None:
    answers = ANSWERS / runtime.name.replace(", ", "-").replace(" ", "-")
    if skipped := runtime.run(answers, repeats):
        results[runtime.name] = {"skipped": skipped}
        return
    rows = read(answers, stored)
    earlier = results.get(runtime.name, {}).get("tasks", {})
    for task, row in rows.items():
        row["seconds"] = [*earlier.get(task, {}).get("seconds", []), *row.get("seconds", [])]
    version = json.loads((answers / "report.json").read_text())["version"]
    results[runtime.name] = {"version": version, "tasks": rows}


if __name__ == "__main__":
    main()
