"""Writes the tables of docs/runtimes.md: agreement with the stored results, and speed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- made by make conformance -->", "<!-- end -->"
AGREES = 1e-5
"""The relative L2 distance from the float64 result up to which a runtime agrees: the error of float32 arithmetic."""

Row = dict[str, Any]


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return |found - wanted| / |wanted| in the L2 norm, or |found| if wanted is 0; infinite if not finite."""
    off = float(np.linalg.norm(found.astype(np.float64) - wanted.astype(np.float64)))
    return off / (float(np.linalg.norm(wanted.astype(np.float64))) or 1.0) if np.isfinite(off) else float("inf")


def read(answers: Path, stored: Mapping[str, np.ndarray]) -> dict[str, Row]:
    """Return, for each task of a runtime, the distance of its worst output, its seconds, or its error."""
    report = json.loads((answers / "report.json").read_text())
    rows: dict[str, Row] = {}
    for task, reported in report["tasks"].items():
        row = dict(reported)
        if "error" not in reported:
            outputs = [key.split("/")[1] for key in stored if key.startswith(f"{task}/")]
            off = [
                distance(np.fromfile(answers / f"{task}.{o}.bin", np.float32).reshape(w.shape), w)
                for o, w in ((o, stored[f"{task}/{o}"]) for o in outputs)
            ]
            row["off"] = max(off, default=None)
        rows[task] = row
    return rows


def agreement(results: Mapping[str, Any], tasks: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table of agreement: one row per runtime, one column per graph."""
    yield f"| runtime | {' | '.join(tasks)} |"
    yield "|---|" + "---|" * len(tasks)
    for name, result in results.items():
        cells = [_agreement_cell(result["tasks"].get(task)) for task in tasks] if "tasks" in result else []
        yield f"| {_title(name, result)} | {' | '.join(cells) if cells else result['skipped']} |"


def speed(results: Mapping[str, Any], tasks: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table of speed: medians in milliseconds."""
    yield f"| runtime | {' | '.join(tasks)} |"
    yield "|---|" + "---|" * len(tasks)
    for name, result in results.items():
        if "tasks" in result:
            rows = [result["tasks"].get(task, {}) for task in tasks]
            cells = [f"{statistics.median(r['seconds']) * 1e3:.2f}" if r.get("seconds") else "–" for r in rows]
            yield f"| {_title(name, result)} | {' | '.join(cells)} |"


def errors(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each graph that a runtime did not run."""
    for name, result in results.items():
        for task, row in result.get("tasks", {}).items():
            if "error" in row:
                yield f"- {name}, {task}: `{row['error']}`"


def insert(page: Path, text: str, begin: str = BEGIN) -> None:
    """Insert tables into a page, between one of its marks and the end mark that follows."""
    before, mark, rest = page.read_text().partition(begin)
    if not mark:
        raise SystemExit(f"{page} has no place for the tables: the line {begin!r} is missing")
    after = rest.partition(END)[2]
    page.write_text(f"{before}{begin}\n{text}\n{END}{after}")


def _title(name: str, result: Mapping[str, Any]) -> str:
    return f"{name} {result['version'].split('-')[0]}" if "version" in result else name


def _agreement_cell(row: Row | None) -> str:
    if row is None:
        return "–"
    if "error" in row:
        return "does not run"
    return f"{row['off']:.0e}" if row["off"] <= AGREES else f"**{row['off']:.0e}**"
