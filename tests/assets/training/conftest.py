"""Steps of a model whose functions a test replaces."""

from pathlib import Path

import pytest

from tests.assets.training.team_functions import Steps


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)
