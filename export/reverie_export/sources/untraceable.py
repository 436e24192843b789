"""The message for a network that torch cannot trace."""

from __future__ import annotations

import re
from collections.abc import Sequence

# In the text of torch's errors: a number or a size that only a pass over real values would give.
BY_VALUE = ("data-dependent", "data dependent", "DataDependent", "DynamicOutputShape", "unbacked symint")
RAISED = re.compile(r'File "([^"]+)", line (\d+), in \w+\n\s+(.+)')


def refusal(model: str, shape: Sequence[int], cause: BaseException) -> str:
    """Return the reason and the remedy, in one sentence, for a trace of ``model`` that failed with ``cause``."""
    text = f"{type(cause).__name__}: {cause}"
    if any(sign in text for sign in BY_VALUE):
        places = RAISED.findall(text)
        at = f", in {places[-1][0]} line {places[-1][1]}: {places[-1][2].strip()}" if places else ""
        return (
            f"torch cannot trace {model}: what it does depends on the values of its picture{at}; "
            f"a graph does the same for all pictures: choose with torch.where instead, or export the part before it "
            f"as package.module:callable"
        )
    reason = str(cause).strip().split("\n")[0]
    size = "x".join(map(str, shape))
    return f"torch cannot trace {model} on a {size} picture: {reason} (another size is given with --input)"
