"""The entry point of the image."""

import os
from typing import Any

import pytest

from intermodal.serving import __main__ as entry


def test_main_numeric_threads_are_1_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OMP_NUM_THREADS": "4"}
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr("sys.argv", ["intermodal.serving", "serve"])
    given: list[Any] = []
    monkeypatch.setattr(entry, "run", lambda *arguments: given.append(dict(arguments[0])) or 0)
    assert entry.main() == 0
    assert given == [{"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}]
