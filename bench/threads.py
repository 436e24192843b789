"""Which threads a step wants: how many, in the process's one pool or a session's own, spinning while they wait or not.

A step of the default preset's program for one layer; every setting is a process of its own, and they take turns.

    python -m bench.threads [--layer conv4_2] [--counts 1,2,4] [--turns 30]
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.race import Contestant, Step, compete, race_all

MODEL = "texture19"


def step(kind: str, threads: int, layer: str) -> Step:
    """Return a step with a setting: "shared", "own" or "still" threads."""
    import onnxruntime
    from reverie_server.ascent import ascend
    from reverie_server.models import ModelStore, embedded_models
    from reverie_server.program import build
    from reverie_server.runtime import PROBE, choose_device

    from bench.recipe import recipe

    if kind != "shared":
        import onnx

        # A process that has a session already cannot have a pool that all share.
        onnxruntime.InferenceSession(onnx.parser.parse_model(PROBE).SerializeToString())
    if kind == "still":

        class Still(onnxruntime.SessionOptions):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.add_session_config_entry("session.intra_op.allow_spinning", "0")

        onnxruntime.SessionOptions = Still
    wanted = recipe(layer, 224, 1)
    model = ModelStore([embedded_models()]).model(MODEL)
    steps = ascend(build(model, wanted, batch=1, device=choose_device("cpu", threads=threads)), [wanted])

    def one() -> np.ndarray:
        next(steps)
        return np.zeros(0)

    return one


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
    times = race_all(racers, given.turns)
    print(f"{MODEL} {given.layer}, 224 px, {given.turns} turns: median and least ms of a step")
    for name, taken in times.items():
        print(f"{name:38}{1e3 * taken.median:8.1f}{1e3 * min(taken.near or taken.far):8.1f}")
    for racer in racers.values():
        racer.close()


if __name__ == "__main__":
    main()
