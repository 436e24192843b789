"""A pytest plugin for runs that must skip nothing, such as CI's: `pytest -p tests.skips`.

A test that is skipped for a reason other than those below fails.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

# Beginnings of the reasons that are valid in CI: a limitation of another library, or missing hardware.
ALLOWED = (
    "torch has no ",
    "torch resizes in no such way",
    "this machine has a GPU",
    "this machine may have CUDA",
    "this processor has no blocked layout",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test."""
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that skips itself as a whole."""
    report = yield
    _refuse(report)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped:
        return
    skipped = report.longrepr
    reason = skipped[2].removeprefix("Skipped: ") if isinstance(skipped, tuple) else str(skipped)
    if not reason.startswith(ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"This run may skip nothing, and {report.nodeid} is skipped: {reason}"
