"""Fuzz `reverie check` with damaged .onnx files: it must not crash, hang or use much memory.

    python -m tests.export.fuzz_check --minutes 10 [--seed 0] [--keep FOLDER]

Mutants are checked in processes forked from one that has loaded everything, under the command's own limits. A mutant
that kills such a process, is slow, takes much memory or gives the error message of a library is then given to the real
command, which has to end by itself, with exit status 0, 1 or 2 and one sentence. Mutants are numbered, and the same
seed makes the same ones.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnx
from onnx import numpy_helper
from reverie_export.sandbox import MEMORY
from reverie_export.sandbox_child import answer, limit

from tests.export.mutations import mutate

HANG_S = 10.0  # of processor time: the machine may be busy with other things
FLOOD_BYTES = 2 * 10**9
PATIENCE_S = 120.0

HEAD = '<ir_version: {ir}, opset_import: ["": {opset}{more}]> net (float[{picture}] x) => (float[n,m] y)'
CNN = """ a = Conv <pads = [1, 1, 1, 1]> (x, w)  b = BatchNormalization (a, s, s, s, s)  c = Relu (b)
    d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)  e = Concat <axis = 1> (d, d)
    f = AveragePool <kernel_shape = [2, 2]> (e)  g = GlobalAveragePool (f)  h = Reshape (g, flat)  y = MatMul (h, v) """
MODERN = """ a = Conv <pads = [1, 1, 1, 1]> (x, w)  b = Gelu (a)  c = Transpose <perm = [0, 2, 3, 1]> (b)
    d = LayerNormalization <axis = -1> (c, s)  e = Reshape (d, tokens)  f = MatMul (e, e2)  g = Softmax (f)
    k = Resize <mode = "linear"> (b, , zoom)  i = ReduceMean <keepdims = 0> (k, axes)  y = MatMul (i, u) """
BRANCHES = """ a = Conv <pads = [1, 1, 1, 1]> (x, w)  big = ReduceMax <keepdims = 0> (a)
    zero = Constant <value_float = 0.0> ()
    yes = Greater (big, zero)
    b = If (yes) <then_branch = t () => (float[n,k,h,w] p) { p = Relu (a) },
                  else_branch = e () => (float[n,k,h,w] q) { q = Neg (a) }>
    c = own.Twice (b)  d = Slice (c, from, to, axes, steps)  f = Flatten (a)
    g = Cast <to = 10> (f)  y = Cast <to = 1> (g) """
TWICE = '<domain: "own", opset_import: ["": 18]> Twice (x) => (y) { y = Add (x, x) }'


def seeds() -> list[bytes]:
    """Small networks that use much of the format: old and new operators, functions, branches, all kinds of weights."""
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {
        "w": rng.standard_normal((4, 3, 3, 3), np.float32),
        "s": np.ones(4, np.float32),
        "v": rng.standard_normal((8, 5), np.float32),
        "u": rng.standard_normal((4, 5), np.float32),
        "e2": rng.standard_normal((1, 4, 6), np.float32),
        "zoom": np.array([1, 1, 2, 2], np.float32),
        "flat": np.array([1, -1]),
        "tokens": np.array([0, -1, 4]),
        **{name: np.array(values) for name, values in SLICE.items()},
    }
    own = ', "own": 1'
    texts = [
        HEAD.format(ir=8, opset=13, more="", picture="N,3,H,W") + f"{{{CNN}}}",
        HEAD.format(ir=4, opset=9, more="", picture="1,3,16,16") + f"{{{CNN}}}",
        HEAD.format(ir=10, opset=21, more="", picture="N,3,16,16") + f"{{{MODERN}}}",
        HEAD.format(ir=8, opset=18, more=own, picture="1,3,16,16") + f"{{{BRANCHES}}}" + TWICE,
    ]
    made = []
    for text in texts:
        model = onnx.parser.parse_model(text)
        used = {name for node in model.graph.node for name in node.input}
        model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in weights.items() if name in used)
        made.append(model.SerializeToString())
    return made


SLICE = {"axes": [2, 3], "from": [0, 1], "to": [9, 9], "steps": [1, 2]}


@dataclass(frozen=True)
class Outcome:
    """The result of checking one mutant."""

    end: str  # "listed", "refused", "unforeseen", "died", "hung", "flooded"
    output: str
    cpu_s: float
    peak_bytes: int


def look(path: Path) -> Outcome:
    """Check a file in a forked process, under the command's own limits."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        limit(memory=MEMORY, seconds=2 * HANG_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        found = answer({"path": str(path), "overrides": {}, "layers": [], "self_test": False})
        os.write(writer, json.dumps(found).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], PATIENCE_S)
    if not ready:
        os.kill(child, signal.SIGKILL)
    data = b"".join(iter(lambda: os.read(reader, 65536), b""))
    os.close(reader)
    _, status, usage = os.wait4(child, 0)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    output = data.decode(errors="replace")
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status):
        return Outcome("died", f"signal {os.WTERMSIG(status)}", cpu, peak)
    if cpu > HANG_S:
        return Outcome("hung", output, cpu, peak)
    if peak > FLOOD_BYTES:
        return Outcome("flooded", output, cpu, peak)
    if "contradicts itself" in output:
        return Outcome("unforeseen", output, cpu, peak)
    return Outcome("refused" if output.startswith('{"error"') else "listed", output, cpu, peak)


def complaint(path: Path) -> str:
    """Return what is wrong with the real command's result for a file; empty if nothing."""
    program = "from reverie_export.check_command import check; check()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(path), "--quick"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {PATIENCE_S:.0f} s"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode not in (0, 1, 2):
        return f"exit status {done.returncode}: {done.stderr[-300:]}"
    if "Traceback" in done.stderr or (done.returncode == 2 and not done.stderr.startswith("Error: ")):
        return f"no sentence: {done.stderr[-300:]}"
    return f"{cpu:.1f} s of processor time" if cpu > HANG_S + 4 else ""  # with the start of two processes


def mutants(seed: int) -> Iterator[tuple[int, bytes]]:
    """Yield mutants without end, each determined by the seed and its number; some are made from earlier ones."""
    originals = seeds()
    number = 0
    while True:
        rng = np.random.default_rng([seed, number])
        yield number, mutate(originals[int(rng.integers(len(originals)))], originals, rng)
        number += 1


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--cases", type=int, help="Stop after so many mutants, however long it takes.")
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the mutants that something came of.")
def main(minutes: float, cases: int | None, seed: int, keep: Path | None) -> None:
    """Fuzz `reverie check`; the exit status is 1 if any mutant gets the better of it."""
    warm_up()
    ends: Counter[str] = Counter()
    failures: list[str] = []
    slowest, largest, end = 0.0, 0, time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.onnx"
        for number, data in mutants(seed):
            if number == cases or (cases is None and time.monotonic() > end):
                break
            path.write_bytes(data)
            outcome = look(path)
            ends[outcome.end] += 1
            slowest, largest = max(slowest, outcome.cpu_s), max(largest, outcome.peak_bytes)
            if outcome.end in ("listed", "refused"):
                continue
            click.echo(f"{number}: {outcome.end}: {outcome.output[:300]}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{number}-{outcome.end}.onnx").write_bytes(data)
            if outcome.end in ("hung", "flooded"):
                failures.append(f"{number}: {outcome.end}")
            elif problem := complaint(path):
                failures.append(f"{number}: {problem}")
    counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    click.echo(f"{sum(ends.values())} mutants of seed {seed}: {counts}")
    click.echo(f"longest {slowest:.1f} s of processor time, largest {largest / 1e6:.0f} MB")
    for failure in failures:
        click.echo(f"FAILED {failure}")
    sys.exit(bool(failures))


def warm_up() -> None:
    """Import everything that a check imports, so that every fork has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.onnx"
        for data in seeds():
            path.write_bytes(data)
            answer({"path": str(path), "overrides": {}, "layers": [], "self_test": False})


if __name__ == "__main__":
    main()
