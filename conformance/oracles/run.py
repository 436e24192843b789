"""Run all questions of a folder in one oracle: ``python -m conformance.oracles.run ORACLE QUESTIONS ANSWERS``.

An oracle runs in float64 or, if it has no gradient or no kernel in that type, in float32. Writes the gradients to
ANSWERS/QUESTION.npz and, last, ANSWERS/report.json: the oracle's version, and for each question and input the type of
the answer, or why there is none.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from conformance.oracles.contract import Question, Refused, read_questions


def main() -> None:
    """Run all questions and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("oracle")
    parser.add_argument("questions", type=Path)
    parser.add_argument("answers", type=Path)
    given = parser.parse_args()
    given.answers.mkdir(parents=True, exist_ok=True)
    oracle = importlib.import_module(f"conformance.oracles.{given.oracle}")
    report: dict[str, Any] = {"version": oracle.version(), "questions": {}}
    for question in read_questions(given.questions):
        report["questions"][question.name] = _ask(oracle, question, given.answers)
    (given.answers / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def _ask(oracle: Any, question: Question, answers: Path) -> dict[str, dict[str, str]]:
    """Run each gradient separately, because an oracle may have one by the data and none by the weights."""
    reply, found = {}, {}
    for wrt in question.wrt:
        reply[wrt], gradient = _ask_one(oracle, question, wrt)
        if gradient is not None:
            found[wrt] = gradient
    np.savez(answers / f"{question.name}.npz", allow_pickle=False, **found)
    return reply


def _ask_one(oracle: Any, question: Question, wrt: str) -> tuple[dict[str, str], np.ndarray | None]:
    reply: dict[str, str] = {}
    for form in sorted(question.forms, key=lambda form: (form.dtype != "float64", -oracle.preference(form.opset))):
        feeds, cotangent = question.arrays(form.dtype)
        try:
            return {"dtype": form.dtype}, oracle.gradient(
                question.folder / form.file, feeds, cotangent, question.of, wrt
            )
        except Refused as error:
            reply = {"refused": _line(str(error))}
        except Exception as error:  # any failure of an oracle is a result
            reply = {"error": _line(f"{type(error).__name__}: {error}")}
    return reply, None


def _line(message: str) -> str:
    """Return a message on one line, without the source location that onnxruntime puts before it."""
    return re.sub(
        r"\S*/onnxruntime_src/.*? was false\. |\S*/onnxruntime_src/\S+ .*?\) ", "", " ".join(message.split())
    )[:200]


if __name__ == "__main__":
    main()
