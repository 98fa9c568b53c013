"""What all tests of adapters share."""

from collections.abc import Iterator

import pytest

from intermodal.resources import polling

PAUSE_SECONDS = 0.25
"""Emulated platforms are ready within seconds, so growing pauses would be most of the time of a test."""


@pytest.fixture(autouse=True, scope="session")
def _short_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "MAX_PAUSE_SECONDS", PAUSE_SECONDS)
        yield
