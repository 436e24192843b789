"""Does every contender run, and do their answers agree? Nothing here is about time.

Each makes one step of VGG19's conv2_2 and logits; its gradient must point where that in float64 does. Ends with a
sentence and exit status 1 where one does not.

    python -m bench.smoke
"""

from __future__ import annotations

import sys

from bench.contenders import CONTENDERS, TRUTH, Task, contestant
from bench.step_time import cosine

TASKS = (Task("conv2_2", size=64), Task("logits", size=224))
AGREEMENT = 0.9999


def main() -> None:
    """Run every contender once."""
    strangers = []
    for task in TASKS:
        truth = TRUTH(task)()
        for name in CONTENDERS:
            contender = contestant(name, task)
            agreement = cosine(contender.answer(), truth)
            contender.close()
            print(f"{task.layer:8} {task.size:4} px  {name:20} cosine {agreement:.7f}", flush=True)
            if not agreement >= AGREEMENT:
                strangers.append(f"{name} at {task.layer}")
    if strangers:
        sys.exit(f"These gradients point elsewhere than float64's (cosine below {AGREEMENT}): {', '.join(strangers)}.")


if __name__ == "__main__":
    main()
