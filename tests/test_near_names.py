"""Callers of a model never get the answers of another one whose name is nearly the same."""

from pathlib import Path

import pytest

from intermodal.sandbox import clouds
from tests.near_names import KINDS, NearNames, pairs, platforms
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]


def test_nearly_equal_names_answer_for_themselves(
    sandbox: Sandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for cloud in ("aws", "gcp", "azure"):
        sandbox.start(cloud)
    for name, value in clouds.variables(sandbox.settings, sandbox.started).items():
        monkeypatch.setenv(name, value)
    world = NearNames(platforms(), pairs(len(KINDS)), tmp_path)
    world.deploy()
    assert world.answering_for_others() == []
    assert world.withdraw_first_of_each() == []
