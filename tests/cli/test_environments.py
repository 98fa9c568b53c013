"""Errors of an environment that is not as it should be; the rest is in test_end_to_end.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.run import run


@pytest.mark.parametrize("command", [("up",), ("down",), ("demo",), ("sandbox", "up")])
def test_sandbox_commands_stay_in_the_sandbox(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    result = run(monkeypatch, *command, INTERMODAL_ENV="production")
    assert result.exit_code == 1
    assert "Unset INTERMODAL_ENV" in result.output


def test_unknown_environment_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sandbox, staging, production" in run(monkeypatch, "status", INTERMODAL_ENV="prod").output


def test_production_without_settings_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "predict", "m", "--json", "{}", INTERMODAL_ENV="production")
    assert result.exit_code == 1
    assert "INTERMODAL_GATEWAY_URL" in result.output


def test_predict_without_a_gateway_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "predict", "m", "--json", "{}", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 1
    assert "serves no model 'm'" in result.output


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    code = "import sys, intermodal.cli; sys.exit(', '.join({'pydantic', 'dagster', 'httpx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
