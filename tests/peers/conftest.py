"""Imports the other projects without their warnings, and gives each test the same random numbers."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import torch

# kornia uses what torch has deprecated, and torch_dreams switches all warnings off for the whole process.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import dreamlens  # type: ignore[import-not-found]  # noqa: F401
    import horama  # type: ignore[import-not-found]  # noqa: F401
    import lucent.optvis.render  # noqa: F401
    import torch_dreams  # type: ignore[import-not-found]  # noqa: F401


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Seed each generator that one of the projects draws from."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
