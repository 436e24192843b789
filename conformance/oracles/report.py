"""Compares the oracles' gradients of single operators with Reverie's, and with differences where they disagree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.oracles.explained import EXPLAINED, Explanation, explanation
from conformance.oracles.operators import Examined, differences
from conformance.table import distance

AGREES = {"float64": 1e-6, "float32": 1e-4}
"""The relative L2 distance up to which an oracle agrees, by the type of its answer; some constants are float32."""

NAMES = {"torch_autograd": "torch", "onnx_ad": "onnx-ad", "ort_training": "onnxruntime-training"}

Answer = dict[str, Any]


def compared(cases: Sequence[Examined], answers: Mapping[str, Path]) -> dict[str, Any]:
    """Return the figures: the distance for each case, gradient and oracle, or why there is none."""
    reports = {oracle: json.loads((folder / "report.json").read_text()) for oracle, folder in answers.items()}
    rows = []
    for case in cases:
        name = case.asked.name
        reply = {
            oracle: _distances(case, report["questions"][name], answers[oracle] / f"{name}.npz")
            for oracle, report in reports.items()
        }
        row = {"case": name, "body": case.title, "operators": sorted(case.operators), "oracles": reply}
        if any(disagrees(each) for by_input in reply.values() for each in by_input.values()):
            judged = differences(case)
            row["ours_from_differences"] = {wrt: distance(a, judged[wrt]) for wrt, a in case.asked.answer.items()}
        rows.append(row)
    return {"versions": {oracle: report["version"] for oracle, report in reports.items()}, "cases": rows}


def disagrees(reply: Answer) -> bool:
    """Return whether an oracle gave a gradient that differs from Reverie's."""
    return "dtype" in reply and (reply["off"] is None or reply["off"] > AGREES[reply["dtype"]])


def _distances(case: Examined, reply: Mapping[str, Answer], file: Path) -> dict[str, Answer]:
    rows = {}
    with np.load(file) as found:
        for wrt, answer in case.asked.answer.items():
            row = dict(reply[wrt])
            if "dtype" in row:
                row |= _off(found[wrt], answer)
            rows[wrt] = row
    return rows


def _off(found: np.ndarray, wanted: np.ndarray) -> Answer:
    if found.shape != wanted.shape:
        return {"off": None, "what": f"of shape {list(found.shape)}, not {list(wanted.shape)}"}
    off = distance(found, wanted)
    return {"off": off} if np.isfinite(off) else {"off": None, "what": "not a number"}


# ----- the table -----


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table: one row per operator, one column per oracle."""
    versions = figures["versions"]
    yield f"| operator | gradients | {' | '.join(f'{NAMES[o]} {v}' for o, v in versions.items())} |"
    yield "|---|---|" + "---|" * len(versions)
    rows = figures["cases"]
    for operator in sorted({name for row in rows for name in row["operators"]}):
        with_it = [row for row in rows if operator in row["operators"]]
        cells = [_cell(operator, oracle, with_it) for oracle in versions]
        count = sum(len(next(iter(row["oracles"].values()))) for row in with_it)
        yield f"| {operator} | {count} | {' | '.join(cells)} |"


def _cell(operator: str, oracle: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst distance, bold if a case disagrees because of this operator, and the number of cases."""
    reply = [(row, each) for row in rows for each in row["oracles"][oracle].values()]
    given = [(row, each) for row, each in reply if "dtype" in each]
    if not given:
        return "does not run" if any("error" in each for _, each in reply) else "does not differentiate it"
    wrong = [each for row, each in given if disagrees(each) and _why(oracle, row, operator)]
    right = [each["off"] for _, each in given if not disagrees(each)]
    parts = [f"{max(right):.0e}" if max(right) else "0"] if right else []
    parts += [f"**disagrees** in {len(wrong)}"] if wrong else []
    return ", ".join(parts) + (f" ({len(given)} of {len(reply)})" if len(given) < len(reply) else "")


def _why(oracle: str, row: Mapping[str, Any], operator: str) -> Explanation | None:
    return explanation(oracle, {operator}, row["body"])


# ----- disagreements -----


def disagreements(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a section per explanation: the reason, the cases, and the distance of Reverie's from differences."""
    found: dict[Explanation, list[str]] = {}
    unexplained = []
    for row in figures["cases"]:
        for oracle, by_input in row["oracles"].items():
            for wrt, reply in by_input.items():
                if disagrees(reply):
                    why = explanation(oracle, set(row["operators"]), row["body"])
                    line = f"| `{row['body']}` by {wrt} | {_apart(reply)} | {row['ours_from_differences'][wrt]:.0e} |"
                    if why is None:
                        unexplained.append(f"{NAMES[oracle]}: {line}")
                    elif row["ours_from_differences"][wrt] > AGREES["float64"]:
                        unexplained.append(f"ours is wrong: {line}")
                    found.setdefault(why, []).append(line) if why else None
    stale = [f"{each.oracle} no longer disagrees on {each.operator}" for each in EXPLAINED if each not in found]
    if unexplained or stale:
        raise SystemExit("explained.py does not fit what was found:\n" + "\n".join(unexplained + stale))
    for why in EXPLAINED:
        yield f"**{NAMES[why.oracle]}, {why.operator}.** {why.reason}\n"
        yield "| case | its distance from ours | ours from differences |"
        yield "|---|---|---|"
        yield from found[why]
        yield ""


def _apart(reply: Answer) -> str:
    return reply["what"] if reply["off"] is None else f"{reply['off']:.0e}"
