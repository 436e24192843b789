"""Compare Reverie's gradients with those of oracles, each in its own environment, and write figures and tables.

python -m conformance.oracles graphs       the layer graphs of the suite that `python -m conformance` wrote
python -m conformance.oracles operators    every operator that has a rule
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance.oracles import graphs, operators, report
from conformance.oracles.questions import write_questions
from conformance.suite import ANSWER, tasks
from conformance.table import AGREES, distance, insert
from tests.figures import write_json

ROOT = Path(__file__).parents[2]
BUILD = Path(".build", "conformance")
RESULTS = ROOT / "bench" / "results"

ENVIRONMENTS = {"torch_autograd": "export", "onnx_ad": "onnx-ad", "ort_training": "training"}
"""The environment of each oracle, under .venv."""
ASKED_GRAPHS = ("onnx_ad", "ort_training")


def main() -> None:
    """Run the oracles, compare, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("about", choices=["graphs", "operators"])
    if parser.parse_args().about == "graphs":
        _graphs()
    else:
        _operators()


def _graphs() -> None:
    stored = dict(np.load(ANSWER))
    questions = BUILD / "gradients"
    asked = list(graphs.asked(tasks(), stored))
    write_questions(asked, questions)
    figures: dict[str, Any] = {}
    for oracle in ASKED_GRAPHS:
        answers = _ask(oracle, questions)
        report_of_oracle = json.loads((answers / "report.json").read_text())
        rows = {}
        for each in asked:
            row = dict(report_of_oracle["questions"][each.name]["image"])
            if "dtype" in row:
                row["off"] = distance(np.load(answers / f"{each.name}.npz")["image"], each.answer["image"])
            rows[each.name] = row
        figures[oracle] = {"version": report_of_oracle["version"], "graphs": rows}
    write_json(RESULTS / "oracles_graphs.json", figures)
    insert(
        ROOT / "docs" / "runtimes.md", "\n".join(_graph_table(figures)), "<!-- made by make conformance: gradients -->"
    )


def _graph_table(figures: Mapping[str, Any]) -> Iterator[str]:
    names = list(next(iter(figures.values()))["graphs"])
    yield f"| gradients by | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(names)
    for oracle, report_of_oracle in figures.items():
        cells = [_graph_cell(report_of_oracle["graphs"][name]) for name in names]
        yield f"| {report.NAMES[oracle]} {report_of_oracle['version']} | {' | '.join(cells)} |"
    yield ""
    for oracle, report_of_oracle in figures.items():
        for name, row in report_of_oracle["graphs"].items():
            if "dtype" not in row:
                yield f"- {report.NAMES[oracle]}, {name}: `{row.get('refused') or row['error']}`"


def _graph_cell(row: Mapping[str, Any]) -> str:
    if "dtype" not in row:
        return "none"
    return f"{row['off']:.0e}" if row["off"] <= AGREES else f"**{row['off']:.0e}**"


def _operators() -> None:
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it logs values whose type ONNX does not infer
    questions = BUILD / "operators"
    cases = list(operators.examined())
    write_questions((case.asked for case in cases), questions)
    figures = report.compared(cases, {oracle: _ask(oracle, questions) for oracle in ENVIRONMENTS})
    write_json(RESULTS / "oracles_operators.json", figures)
    page = ROOT / "docs" / "oracles.md"
    insert(page, "\n".join(report.table(figures)), "<!-- made by make oracles: operators -->")
    insert(page, "\n".join(report.disagreements(figures)), "<!-- made by make oracles: disagreements -->")
    print(f"without a gradient that differences can tell: {', '.join(sorted(operators.unasked(cases)))}")


def _ask(oracle: str, questions: Path) -> Path:
    """Run an oracle in its environment; return the folder of its answers."""
    answers = questions.with_name(f"{questions.name}-{oracle}")
    shutil.rmtree(answers, ignore_errors=True)
    print(f"== {report.NAMES[oracle]}", flush=True)
    python = f".venv/{ENVIRONMENTS[oracle]}/bin/python"
    command = [python, "-m", "conformance.oracles.run", oracle, str(questions), str(answers)]
    # onnxruntime-training prints needless messages on standard output.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return answers


if __name__ == "__main__":
    main()
