"""PyTorch for tests. The one of PyPI is for CUDA, so `make test` puts one for CPUs beside the environment."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / ".intermodal" / "torch"


def require() -> None:
    """Make it importable, or skip with the reason."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    if importlib.util.find_spec("torch") is None:
        pytest.skip(f"pip found no torch for CPUs on this machine; the reason is in {FOLDER / 'log'}")
