"""Incidents that a person closes."""

from pathlib import Path

import pytest

from intermodal.resources.storage.incidents import JsonIncidents
from tests.cli.run import run


def test_incident_close_closes_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, incidents: JsonIncidents) -> None:
    close = ("incident", "close", "m-aws.sagemaker-1700000000", "--because")
    first = run(monkeypatch, *close, "m left [aws]", INTERMODAL_HOME=str(tmp_path))
    assert first.exit_code == 0
    assert "deploy_m" in first.output
    closed = incidents.get("m-aws.sagemaker-1700000000")
    assert closed is not None
    assert closed.closed_at is not None
    assert closed.last == "closed by hand: m left [aws]"
    again = run(monkeypatch, *close, "another reason", INTERMODAL_HOME=str(tmp_path))
    assert again.exit_code == 0
    assert "was closed already" in again.output
    assert incidents.get("m-aws.sagemaker-1700000000") == closed
    assert "No incident is open" in run(monkeypatch, "incident", "list", INTERMODAL_HOME=str(tmp_path)).output


@pytest.mark.usefixtures("incidents")
def test_incident_close_of_an_unknown_id_lists_the_open_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "incident", "close", "m-aws-1", "--because", "x", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 1
    assert "There is no incident 'm-aws-1'. Open: m-aws.sagemaker-1700000000." in " ".join(result.output.split())
