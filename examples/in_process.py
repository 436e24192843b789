"""Render in this process: no server, no gRPC.

Run it with the embedded model, `python examples/in_process.py`, or with an exported one: `... in_process.py FOLDER
MODEL LAYER`.
"""

from __future__ import annotations

import sys

from reverie_server import Engine, Frame, Progress, Rendering


def main(folder: str | None = None, model: str = "texture19", layer: str = "conv3_1") -> None:
    """Render a channel, render it again from its spec, and write in_process.png."""
    with Engine([folder] if folder else None) as engine:
        names = [each.name for each in engine.layers(model)]
        print(f"{model} has {len(names)} layers: {', '.join(names[:3])} ... {names[-1]}")

        # As events: progress, requested frames, and the finished picture as the last.
        frames: list[Frame] = []
        for event in engine.stream(model, layer, 0, size=64, steps=32, frames_every=8):
            if isinstance(event, Progress) and event.frame:
                print(f"  step {event.step:2} of {event.steps}: {event.objective:.3f}")
                frames.append(event.frame)
            elif isinstance(event, Rendering):
                rendering = event
        rendering.save("in_process.png")
        print(f"in_process.png: {rendering.outcome}, activation {rendering.activation:.3f}, {len(frames)} frames")

        # Every rendering contains its full spec, and the same spec gives the same picture.
        again = engine.render(spec=rendering.spec)
        print("The same bytes again:", again.encoded() == rendering.encoded())


if __name__ == "__main__":
    main(*sys.argv[1:])
