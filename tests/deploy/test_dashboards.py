"""The committed dashboards are what the code makes."""

import json

import pytest
import yaml

from deploy.grafana import dashboards


@pytest.mark.parametrize("board", dashboards.BOARDS, ids=lambda board: board.name)
def test_dashboard_file_is_what_the_code_makes(board: dashboards.Board) -> None:
    made = (dashboards.FOLDER / f"{board.name}.json").read_text()
    assert made == dashboards.build(board), "run: .venv/bin/python -m deploy.grafana.dashboards"


def test_dashboards_folder_has_no_other_file() -> None:
    assert {path.stem for path in dashboards.FOLDER.iterdir()} == {board.name for board in dashboards.BOARDS}


def test_provisioning_is_yaml() -> None:
    folder = dashboards.FOLDER.parent / "provisioning"
    assert yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert yaml.safe_load((folder / "dashboards" / "intermodal.yml").read_text())["providers"]


def test_money_dashboard_states_that_no_costs_are_gathered() -> None:
    panels = json.loads(dashboards.build(dashboards.BOARDS[-1]))["panels"]
    empty = {panel["title"]: panel["fieldConfig"]["defaults"].get("noValue") for panel in panels[:3]}
    assert empty["Spent this month"] == empty["At the end of the month"] == "No costs are gathered yet"
    assert empty["Budgets"] is None


def test_cloud_dashboard_filters_by_targets_of_its_cloud() -> None:
    document = json.loads(dashboards.build(next(board for board in dashboards.BOARDS if board.name == "cloud")))
    variable = document["templating"]["list"][-1]
    assert variable["query"] == 'label_values(intermodal:tries:total{cloud="$cloud"}, target)'
    assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")
    assert all('target=~"$target"' in panel["targets"][0]["expr"] for panel in document["panels"])
