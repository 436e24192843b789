"""Checks that every contender runs and that their results agree, without measuring time.

Each makes one step of VGG19's conv2_2 and logits; its gradient must point where that in float64 does. Full renders are
ours and Lucent's, of texture19: each must excite its unit more and more, and torch must see in ours the activation that
we tell. Ends with a sentence and exit status 1 where something does not hold.

    python -m bench.smoke
"""

from __future__ import annotations

import sys

from reverie_server import Engine

from bench.contenders import CONTENDERS, TRUTH, Task, contestant
from bench.lucent import NETWORKS, by_lucent
from bench.step_time import cosine

TASKS = (Task("conv2_2", size=64), Task("logits", size=224))
AGREEMENT = 0.9999

#: The unit to render, the size of its picture, and the numbers of steps to check.
LAYER, CHANNEL, SIZE_PX, STEPS = "conv4_2", 3, 96, (1, 32)
#: The tolerance between the activations of one picture in two runtimes.
SAME = 1e-3


def gradients() -> list[str]:
    """Run one step of every contender; return the failures."""
    wrong = []
    for task in TASKS:
        truth = TRUTH(task)()
        for name in CONTENDERS:
            contender = contestant(name, task)
            agreement = cosine(contender.answer(), truth)
            contender.close()
            print(f"{task.layer:8} {task.size:4} px  {name:20} cosine {agreement:.7f}", flush=True)
            if not agreement >= AGREEMENT:
                wrong.append(
                    f"the gradient of {name} at {task.layer} points elsewhere than float64's ({agreement:.7f})"
                )
    return wrong


def renders() -> list[str]:
    """Render a unit with Reverie and with Lucent; return the failures."""
    model, wrong = NETWORKS["texture19"]().eval(), []
    with Engine() as engine:
        ours = [engine.render("texture19", LAYER, CHANNEL, steps=steps, size=SIZE_PX) for steps in STEPS]
    lucent = by_lucent(model, LAYER, CHANNEL, steps=STEPS, size=SIZE_PX)
    pictures = {"reverie": [each.array for each in ours], "torch-lucent": [picture for _, picture in lucent.values()]}
    for name, both in pictures.items():
        first, last = (model.activation(LAYER, CHANNEL, picture) for picture in both)
        print(
            f"{LAYER:8} {SIZE_PX:4} px  {name:20} activation {first:.3f}, {last:.3f} after {STEPS[-1]} steps",
            flush=True,
        )
        if not last > first:
            wrong.append(f"the renders of {name} do not excite their unit")
        if name == "reverie" and not abs(last - ours[-1].activation) <= SAME * abs(last):
            wrong.append(f"torch sees {last} in our picture, we reported {ours[-1].activation}")
    return wrong


def main() -> None:
    """Run all checks."""
    if wrong := [*gradients(), *renders()]:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
