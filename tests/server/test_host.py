"""An Engine does not disturb the process that embeds it. Each test runs in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The common part of the scripts: a host's session with default options, and a render.
HEAD = """
import sys
import numpy as np
import onnxruntime
from onnx import parser

def host():
    model = parser.parse_model('<ir_version: 9, opset_import: ["": 18]> m (float[1] x) => (float[1] y) { y = Neg(x) }')
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones(1, np.float32)})[0] == [-1]
    return session

def render(engine):
    rendering = engine.render("tiny", "conv2_1", 1, size=32, steps=2)
    return rendering.array.tobytes()

def engine(**options):
    from reverie_server import Engine
    return Engine([sys.argv[1]], device="cpu", **options)
"""


def run(script: str, models: Path) -> str:
    """Run a script with warnings as errors; return what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + script, str(models)],
        env=os.environ | {"ORT_DISABLE_TELEMETRY": "1"},  # its thread aborts a forked child that exits
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


SCRIPTS = {
    "a host's sessions made before, beside and after an engine work": """
before = host()
with engine(threads=2) as one:
    picture = render(one)
    beside = host()
after = host()
for session in (before, beside, after):
    assert session.run(None, {"x": np.ones(1, np.float32)})[0] == [-1]
""",
    "a host's first session may come after an engine": """
with engine(threads=2) as one:
    render(one)
    host()
""",
    "two engines have the threads that each asked for": """
with engine(threads=1) as one, engine(threads=3) as other:
    for each, threads in ((one, 1), (other, 3), (one, 1)):
        render(each)
        assert each._step_loop.device.threads == threads, each._step_loop.device
""",
    "a pool that the host made serves several engines": """
from reverie_server import SharedThreads
with engine(threads=1) as alone:
    picture = render(alone)
shared = SharedThreads(2)
with engine(threads=shared) as one, engine(threads=shared) as other:
    assert render(one) == render(other)
    assert one._step_loop.device.threads == other._step_loop.device.threads == 2
""",
    "a second pool is refused with a sentence": """
from reverie_server import SharedThreads
SharedThreads(2)
try:
    SharedThreads(2)
except RuntimeError as error:
    assert "has a shared pool of threads already" in str(error), error
else:
    raise AssertionError("taken")
""",
    "settings of the process stay as they were": """
import decimal, gc, locale, logging, multiprocessing, os, random, signal, threading, warnings

import onnx_ir  # which loads sympy, and that has a filter of warnings: not ours to mend

def settings():
    loggers = [logging.getLogger(name) for name in (None, "onnx_ir", "onnx", "onnxruntime", "reverie_ascent")]
    return {
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "wakeup": signal.set_wakeup_fd(-1),
        "loggers": [(each.level, list(each.handlers), list(each.filters), each.propagate) for each in loggers],
        "logging": (logging.root.manager.disable, logging.raiseExceptions, logging.getLoggerClass()),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "environment": dict(os.environ),
        "random": (random.getstate(), str(np.random.get_state())),
        "numpy": (np.geterr(), np.get_printoptions()["precision"]),
        "locale": locale.setlocale(locale.LC_ALL),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "switching": (sys.getswitchinterval(), sys.getrecursionlimit(), threading.stack_size()),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook),
        "folder": (os.getcwd(), os.umask(0o22) or True),
        "collection": (gc.isenabled(), gc.get_threshold()),
        "decimal": str(decimal.getcontext()),
        "path": list(sys.path),
    }

os.umask(0o22)
before = settings()
import reverie, reverie_ascent, reverie_gradient, reverie_proto, reverie_server
from reverie_server import *
with engine() as one:
    render(one)
reverie.Client("localhost:1").close()
after = settings()
for name, value in before.items():
    assert after[name] == value, (name, value, after[name])
""",
    "an engine is refused in a child by fork, where one can be made anew": """
import os, warnings
warnings.simplefilter("ignore")  # Python's own, on a fork beside threads
from reverie_ascent.runtime import ForkedProcess

def refused(call):
    try:
        call()
    except ForkedProcess as error:
        return "an Engine made in process" in str(error) and "make a new one in the child" in str(error)
    return False

import pickle, tempfile
from reverie_proto.v1 import jobs_pb2, visualization_pb2

folder = tempfile.mkdtemp()
parent = engine(threads=2, store=folder, jobs=folder + "/jobs.sqlite")
picture = render(parent)
jobs = parent.jobs
spec = parent.render("tiny", "conv2_1", 1, size=32, steps=2).spec
checked = parent.check(visualization_pb2.RenderImageRequest(spec=spec))
unread, begun = (parent.stream("tiny", "conv1_1", 1, size=256, steps=10_000) for _ in range(2))
next(begun)
child = os.fork()
if child == 0:
    try:
        calls = (
            lambda: render(parent), lambda: parent.stream("tiny", "conv2_1", 1), lambda: parent.check(None),
            lambda: parent.submit(checked, print), parent.stats, parent.counts, lambda: parent.warm(["tiny/conv1_1"]),
            lambda: parent.warm([]), parent.info, parent.models, lambda: parent.layers("tiny"), parent.verify,
            lambda: parent.jobs, lambda: next(unread), lambda: next(begun), lambda: jobs.get("x"), jobs.stop,
            lambda: jobs.create(jobs_pb2.CreateRenderJobRequest()), lambda: jobs.cancel("x"),
            lambda: jobs.page(jobs_pb2.ListRenderJobsRequest()), lambda: jobs.events_after("x", 0),
        )
        well = all(map(refused, calls))
        unread.close()
        parent.close()
        del unread, begun
        with engine(threads=2) as own:
            well &= render(own) == picture
        os._exit(0 if well else 1)
    finally:
        os._exit(2)  # as multiprocessing's children end: without the exit of the libraries, of which ONNX Runtime hangs
assert os.waitpid(child, 0)[1] == 0
assert render(parent) == picture
parent.close()
""",
    "a child by fork ends with its own exit status": """
import os, sys, warnings
warnings.simplefilter("ignore")  # Python's own, on a fork beside threads
parent = engine(threads=2)
picture = render(parent)
stream = parent.stream("tiny", "conv1_1", 1, size=256, steps=10_000)
child = os.fork()
if child == 0:
    sys.exit(5)
import time
ends = time.monotonic() + 120
while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < ends:
    time.sleep(0.05)
if not ended[0]:
    os.kill(child, 9)
assert (ended[0], os.waitstatus_to_exitcode(ended[1])) == (child, 5), ended
parent.close()
""",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_host_process_is_not_disturbed(script: str, models: Path) -> None:
    if "os.fork" in script and not hasattr(sys.modules["os"], "fork"):
        pytest.skip("nothing forks here")
    run(script, models)


def test_importing_the_package_loads_no_heavy_module() -> None:
    script = """
import sys
import reverie_server
heavy = {"onnx", "onnx_ir", "onnxruntime", "grpc", "numpy", "sqlalchemy", "pydantic"} & sys.modules.keys()
print(sorted(heavy))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
