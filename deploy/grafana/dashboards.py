"""The dashboards as code: ``python -m deploy.grafana.dashboards`` writes ``dashboards/*.json`` for Grafana."""

from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.boards import BOARDS, Board, Chart, Kind, Variable

FOLDER = Path(__file__).resolve().parent / "dashboards"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
ON_LOAD = models.VariableRefresh.ON_DASHBOARD_LOAD
HEIGHT = 8
PANELS: Mapping[Kind, type[timeseries.Panel] | type[stat.Panel] | type[table.Panel]] = {
    "lines": timeseries.Panel,
    "number": stat.Panel,
    "table": table.Panel,
}


def build(board: Board) -> str:
    """The dashboard as Grafana's JSON."""
    made = (
        dashboard.Dashboard(f"Intermodal: {board.title}")
        .uid(f"intermodal-{board.name}")
        .tags(["intermodal"])
        .timezone("utc")
        .refresh("10s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
        .link(
            dashboard.DashboardLink("Intermodal")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["intermodal"])
            .keep_time(True)
        )
    )
    for variable in board.variables:
        made.with_variable(_variable(variable))
    for chart in board.charts:
        made.with_panel(_panel(chart))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _variable(variable: Variable) -> dashboard.QueryVariable:
    values = f"label_values({variable.series}, {variable.name})"
    made = dashboard.QueryVariable(variable.name).query(values).datasource(SOURCE).refresh(ON_LOAD)
    if variable.several:
        chosen = models.VariableOption(text="All", value="$__all")
        made.multi(True).include_all(True).all_value(".*").current(chosen)
    return made


def _panel(chart: Chart) -> timeseries.Panel | stat.Panel | table.Panel:
    panel = PANELS[chart.kind]()
    panel.title(chart.title).unit(chart.unit).datasource(SOURCE).span(chart.width).height(HEIGHT)
    if chart.unit == "percentunit":
        panel.min(0)
    if chart.empty:
        panel.no_value(chart.empty)
    for letter, (legend, expr) in zip("ABCDEFGH", chart.queries.items(), strict=False):
        query = prometheus.Dataquery().ref_id(letter).expr(expr).legend_format(legend)
        if chart.kind == "table":
            query.instant().format(PromQueryFormat.TABLE)
        panel.with_target(query)
    return panel


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(build(board), encoding="utf-8")


if __name__ == "__main__":
    main()
