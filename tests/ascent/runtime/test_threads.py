"""The number of threads, and sessions that only work in the process that made them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from reverie_ascent.runtime.devices.cuda import PROBE
from reverie_ascent.runtime.process import ForkedProcess
from reverie_ascent.runtime.session import Session, choose_device
from reverie_ascent.runtime.threads import THREADS, thread_count


@pytest.mark.parametrize("wanted", [0, -1, True, 1.0, "2", [1]])
def test_a_number_of_threads_is_a_positive_integer(wanted: Any) -> None:
    with pytest.raises(ValueError, match="is not a number of threads, at least 1, or a SharedThreads"):
        choose_device("cpu", threads=wanted)


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5"])
def test_a_bad_number_in_the_environment_is_named_with_its_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THREADS, value)
    with pytest.raises(ValueError, match=f"REVERIE_THREADS is '{value}'"):
        thread_count()


def test_the_default_number_is_the_environments_or_that_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "3")
    assert (thread_count(), thread_count(2)) == (3, 2)
    monkeypatch.delenv(THREADS)
    assert 1 <= thread_count() <= (os.cpu_count() or 1)


def test_a_session_has_its_own_threads_which_sleep_after_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def record(model: bytes, options: Any, providers: Any) -> Any:
        given.append(options)
        return real(model, options, providers=providers)

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", record)
    Session(ir.from_onnx_text(PROBE), choose_device("cpu", threads=3))
    (options,) = given
    assert (options.use_per_session_threads, options.intra_op_num_threads) == (True, 3)
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_a_session_is_refused_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(ir.from_onnx_text(PROBE), choose_device("cpu", threads=1))
    x, y = (session.tensor(np.ones(1, np.float32)) for _ in range(2))
    binding, process = session.bind({"x": x}, {"y": y}), os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    for call in (binding.run, lambda: session.run({"x": np.ones(1, np.float32)})):
        with pytest.raises(ForkedProcess, match=f"made in process {process} is used in process {process + 1}"):
            call()
