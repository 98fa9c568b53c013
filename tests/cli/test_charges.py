"""Bills read, summed and exported."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from intermodal.platform.cost.focus.columns import MONEY
from intermodal.platform.cost.focus.versions import READ
from intermodal.resources.bills.sources import sources
from tests.cli.run import run
from tests.platform.cost import bills

ROWS = [
    bills.row("1234.565"),
    bills.row("-0.50", ChargeCategory="Credit", x_Note="refund"),
    bills.row("2", Tags=None),
    bills.row("3", BillingCurrency="EUR"),
    bills.row("", Tags=None),
]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    folder = tmp_path / "bills"
    folder.mkdir()
    (folder / "a.csv").write_text(bills.csv(ROWS))
    given = {"INTERMODAL_HOME": str(tmp_path / "home"), "INTERMODAL_BILLS": f"acme=focus:{folder}"}
    result = run(monkeypatch, "charges", "read", "--since", "2026-11-01", **given)
    assert result.exit_code == 0, result.output
    assert "acme: 5 charges in 1 bills" in result.output
    assert "the cost is missing (1 rows)" in result.output
    return given


def test_spend_is_a_table_of_80_columns(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "spend", "--since", "2026-11-01", **environ)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines == [
        ["team", "billed", "effective", "charges", "currency"],
        ["ops", "3.00", "3.00", "1", "EUR"],
        ["ops", "1,234.06", "1,234.06", "2", "USD"],
        ["(unattributed)", "2.00", "2.00", "2", "USD"],
        ["total", "1,236.06", "1,236.06", "4", "USD"],
    ]
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "1 charges have no cost. They are in no sum." in result.stderr


def test_spend_as_json_is_exact(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "spend", "--by", "model,day", "--since", "2026-11-01", "--json", **environ)
    found = json.loads(result.stdout)["spend"]
    assert [(each["model"], each["day"], Decimal(each["billed"])) for each in found if each["currency"] == "USD"] == [
        ("m", "2026-11-02", Decimal("1234.065")),
        (None, "2026-11-02", Decimal(2)),
    ]


def test_spend_by_an_unknown_dimension_names_the_known(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, "spend", "--by", "mood", **environ)
    assert result.exit_code == 1
    assert "Use: team, model" in result.output


def test_spend_without_charges_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, "spend", "--since", "2026-11-01", INTERMODAL_HOME=str(tmp_path))
    assert result.exit_code == 0
    assert "intermodal charges read" in result.stderr


@pytest.mark.parametrize("focus", ["1.0", "1.2", "1.3"])
def test_export_as_csv_reads_back_to_the_same_total(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, focus: str
) -> None:
    output = tmp_path / "again" / "out.csv"
    output.parent.mkdir()
    result = run(
        monkeypatch, "charges", "export", "--format", "csv", "--focus", focus, "--output", str(output), **environ
    )
    assert result.exit_code == 0, result.output
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert [name for name in rows[0] if not name.startswith("x_")] == list(READ[focus].columns)
    assert [row["BilledCost"] for row in rows] == ["1234.565", "-0.5", "2", "3", ""]
    assert {row["ChargePeriodEnd"] for row in rows} == {"2026-11-03T00:00:00Z"}
    assert [row["x_Note"] for row in rows] == ["", "refund", "", "", ""]
    again = environ | {"INTERMODAL_BILLS": f"again=focus:{output.parent}"}
    assert run(monkeypatch, "charges", "read", "--since", "2026-11-01", **again).exit_code == 0
    found = json.loads(
        run(monkeypatch, "spend", "--by", "source,team", "--since", "2026-11-01", "--json", **again).stdout
    )
    sums = {name: [] for name in ("acme", "again")}
    for each in found["spend"]:
        sums[each.pop("source")].append(each)
    assert sums["acme"] == sums["again"]


def test_export_as_parquet_has_decimals_and_times(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    run(monkeypatch, "charges", "export", "--output", str(output), "--since", "2026-11-02", **environ)
    table = pq.read_table(output)
    assert table.num_rows == 5
    assert table.schema.field("BilledCost").type == MONEY
    run(monkeypatch, "charges", "export", "--output", str(output), "--since", "2026-11-03", **environ)
    assert pq.read_table(output).num_rows == 0


def test_export_of_an_unwritten_version_leaves_the_file(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    output.write_text("before")
    result = run(monkeypatch, "charges", "export", "--focus", "1.1", "--output", str(output), **environ)
    assert result.exit_code == 1
    assert "Use one of: 1.0, 1.2, 1.3." in result.output
    assert output.read_text() == "before"


@pytest.mark.parametrize(
    ("value", "message"),
    [("acme", "which is no source"), ("a=focus:/x a=focus:/y", "the source a twice"), ("a=fax:/x", "No adapter 'fax'")],
)
def test_sources_that_are_wrong_are_refused(value: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        sources({"INTERMODAL_BILLS": value})
