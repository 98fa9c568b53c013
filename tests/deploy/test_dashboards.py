"""The committed dashboards are what the code makes."""

import json

import pytest
import yaml

from deploy.grafana import dashboards


@pytest.mark.parametrize("board", dashboards.BOARDS, ids=lambda board: board.name)
def test_the_file_is_what_the_code_makes(board: dashboards.Board) -> None:
    made = (dashboards.FOLDER / f"{board.name}.json").read_text()
    assert made == dashboards.build(board), "run: .venv/bin/python -m deploy.grafana.dashboards"


def test_there_is_no_other_file() -> None:
    assert {path.stem for path in dashboards.FOLDER.iterdir()} == {board.name for board in dashboards.BOARDS}


def test_what_provisions_them_is_yaml() -> None:
    folder = dashboards.FOLDER.parent / "provisioning"
    assert yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert yaml.safe_load((folder / "dashboards" / "intermodal.yml").read_text())["providers"]


def test_what_nobody_measures_yet_is_said_to_be_so() -> None:
    panels = json.loads(dashboards.build(dashboards.BOARDS[-1]))["panels"]
    said = {panel["title"]: panel["fieldConfig"]["defaults"].get("noValue") for panel in panels[:3]}
    assert said["Spent this month"] == said["At the end of the month"] == "No costs are gathered yet"
    assert said["Budgets"] is None
