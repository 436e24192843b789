"""The best thread settings for a step: their number, a shared pool or one per session, spinning or sleeping waits.

The step is that of the default preset's program for one layer. Every setting is a separate process, and they take
turns. The last setting is two concurrent processes of one thread each; its time is half that of a pair of steps.

    python -m bench.threads [--layer conv4_2] [--counts 1,2,4] [--turns 30]
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bench.race import Contestant, Step, compete, quartile, race_all

MODEL = "texture19"


def step(kind: str, threads: int, layer: str) -> Step:
    """Return a step with a setting: "shared", "own" or "still" (sleeping) threads."""
    import onnxruntime
    from reverie_ascent import ascend
    from reverie_ascent.models.repository import ModelRepository, embedded_models
    from reverie_ascent.program import build
    from reverie_ascent.runtime import SharedThreads
    from reverie_ascent.runtime.session import choose_device

    from bench.recipe import recipe

    if kind == "still":

        class Still(onnxruntime.SessionOptions):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.add_session_config_entry("session.intra_op.allow_spinning", "0")

        onnxruntime.SessionOptions = Still
    model = ModelRepository([embedded_models()]).model(MODEL)
    wanted = recipe(model, layer, 224, 1)
    device = choose_device("cpu", threads=SharedThreads(threads) if kind == "shared" else threads)
    steps = ascend(build(model, wanted, batch=1, device=device), [wanted])

    def one() -> np.ndarray:
        next(steps)
        return np.zeros(0)

    return one


class Pair:
    """Two contestants that run steps at the same time."""

    def __init__(self, *contestants: Contestant) -> None:
        self._contestants = contestants
        self._threads = ThreadPoolExecutor(len(contestants))

    def step(self) -> float:
        """Run a step of both; return the machine's seconds per step."""
        begun = time.perf_counter()
        list(self._threads.map(Contestant.step, self._contestants))
        return (time.perf_counter() - begun) / len(self._contestants)

    def close(self) -> None:
        """End both processes."""
        for contestant in self._contestants:
            contestant.close()


def main() -> None:
    """Print a line per setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layer", default="conv4_2")
    parser.add_argument("--counts", default="1,2,4")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--compete", nargs=2, metavar=("KIND", "THREADS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.compete:
        kind, threads = given.compete
        compete(step(kind, int(threads), given.layer))
        return
    racers = {}
    for kind, name in (("shared", "one pool"), ("own", "a pool each"), ("still", "a pool each, not spinning")):
        for threads in map(int, given.counts.split(",")):
            arguments = ["--layer", given.layer, "--compete", kind, str(threads)]
            racers[f"{name}, {threads} threads"] = Contestant("bench.threads", *arguments, threads=threads)
    arguments = ["--layer", given.layer, "--compete", "shared", "1"]
    pair = Pair(*(Contestant("bench.threads", *arguments, threads=1) for _ in range(2)))
    times = race_all({**racers, "two processes, 1 thread each": pair}, given.turns)
    print(f"{MODEL} {given.layer}, 224 px, {given.turns} turns: ms of a step, median and first quartile")
    for name, taken in times.items():
        print(f"{name:38}{1e3 * statistics.median(taken):8.1f}{1e3 * quartile(taken):8.1f}")
    pair.close()
    for racer in racers.values():
        racer.close()


if __name__ == "__main__":
    main()
