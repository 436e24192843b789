"""Prove that packages are missing: `python -m tests.absent torch onnx` fails if either can be imported.

The suites that need no torch run in environments that have just been checked by this.
"""

import importlib.util
import sys

if __name__ == "__main__":
    names = sys.argv[1:]
    if not names:
        sys.exit("name the packages that must be absent")
    if present := [name for name in names if importlib.util.find_spec(name) is not None]:
        sys.exit(f"this environment must not have {', '.join(present)}")
    print(f"absent, as they should be: {', '.join(names)}")
