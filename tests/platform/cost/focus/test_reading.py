"""FOCUS rows as canonical rows."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.cost.focus.columns import SCHEMA
from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.focus.values import decimals
from intermodal.platform.cost.focus.versions import READ, version_of
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.findings import Lack
from tests.platform.cost.bills import raw, row


def test_versions_have_the_specifications_number_of_columns() -> None:
    assert {number: len(version.columns) for number, version in READ.items()} == {
        "1.0": 43,
        "1.1": 50,
        "1.2": 57,
        "1.3": 65,
    }


@pytest.mark.parametrize(
    ("column", "number"), [("BilledCost", "1.0"), ("SkuMeter", "1.1"), ("InvoiceId", "1.2"), ("AllocatedTags", "1.3")]
)
def test_version_is_that_of_the_newest_column(column: str, number: str) -> None:
    assert version_of(["BilledCost", column, "x_More"]).number == number


def test_reading_of_a_complete_bill_finds_nothing() -> None:
    reading = canonical(raw([row("1.25")]), "a.csv")
    assert reading.table.schema.names == SCHEMA.names
    assert reading.findings == ()


def test_reading_fills_both_pairs_of_provider_columns() -> None:
    old = canonical(raw([row("1")]), "a").table.to_pylist()[0]
    assert old["ServiceProviderName"] == old["HostProviderName"] == "Amazon Web Services"
    rows = [row("1", ServiceProviderName="Acme", HostProviderName="AWS", ProviderName=None, PublisherName=None)]
    new = canonical(raw(rows), "a").table.to_pylist()[0]
    assert (new["ProviderName"], new["PublisherName"], new["HostProviderName"]) == ("Acme", "Acme", "AWS")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-02T24:00:00Z", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026-11-03T00:00:00.000Z", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026-11-03 00:00:00 UTC", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026-11-03T02:00:00+02:00", datetime(2026, 11, 3, tzinfo=UTC)),
    ],
)
def test_period_end_is_read_in_utc(text: str, time: datetime) -> None:
    table = canonical(raw([row("1", ChargePeriodEnd=text)]), "a").table
    assert table["ChargePeriodEnd"].to_pylist() == [time]


def test_charge_period_in_year_1_is_the_billing_period() -> None:
    reading = canonical(raw([row("1", ChargePeriodStart="0001-01-01T00:00:00Z")]), "a")
    assert reading.table["ChargePeriodStart"].to_pylist() == [datetime(2026, 11, 1, tzinfo=UTC)]
    assert [(each.lack, each.column, each.rows) for each in reading.findings] == [(Lack.PERIOD, "ChargePeriodStart", 1)]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"BillingPeriodStart": "0001-01-01T00:00:00Z"}, "have no BillingPeriodStart, the first is row 2"),
        ({"BilledCost": "12 USD"}, "BilledCost, row 2: '12 USD' is no amount"),
        ({"BilledCost": "NaN"}, "is no amount"),
        ({"ChargePeriodEnd": "yesterday"}, "ChargePeriodEnd, row 2: 'yesterday' is no time"),
    ],
)
def test_reading_of_a_wrong_value_names_its_row(others: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        canonical(raw([row("1"), row("1", **others)]), "a")


def test_reading_without_a_required_column_names_it() -> None:
    with pytest.raises(SpecError, match="no column BillingCurrency"):
        canonical(raw([row("1")]).drop_columns("BillingCurrency"), "a")


def test_lacks_of_a_bill_are_counted() -> None:
    rows = [row("1", BillingCurrency="XYZ", Bar="2", x_Foo="3"), row("", BillingCurrency="EUR"), row("-1")]
    reading = canonical(raw(rows).drop_columns("ChargeDescription"), "a")
    found = {(each.lack, each.column): each.rows for each in reading.findings}
    assert found[Lack.CURRENCY, "BillingCurrency"] == 1
    assert found[Lack.COST, "BilledCost"] == 1
    assert found[Lack.NEGATIVE_USAGE, "BilledCost"] == 1
    assert (Lack.COLUMN, "ChargeDescription") in found
    assert (Lack.UNKNOWN_COLUMN, "Bar") in found
    assert reading.table["x_Foo"].to_pylist() == ["3", None, None]
    assert reading.table["BilledCost"].to_pylist() == [Decimal(1), None, Decimal(-1)]


@given(st.lists(st.integers(-(10**37), 10**37).map(lambda units: Decimal(f"{units}E-18")), min_size=1, max_size=20))
def test_amounts_are_exact_to_18_decimals(amounts: list[Decimal]) -> None:
    read, rounded = decimals(pa.chunked_array([[str(amount) for amount in amounts]]), "a")
    assert (read.to_pylist(), rounded) == (amounts, 0)


def test_amount_of_a_float_is_its_shortest_text() -> None:
    assert decimals(pa.chunked_array([pa.array([0.1, 1e-7, None])]), "a")[0].to_pylist() == [
        Decimal("0.1"),
        Decimal("1e-7"),
        None,
    ]


def test_amount_with_more_decimals_is_rounded_and_counted() -> None:
    read, rounded = decimals(pa.chunked_array([["0.1234567890123456789", "1"]]), "a")
    assert (read.to_pylist(), rounded) == ([Decimal("0.123456789012345679"), Decimal(1)], 1)


def test_maps_of_parquet_become_json() -> None:
    tags = pa.array([[("intermodal-model", "m")]], pa.map_(pa.string(), pa.string()))
    table = raw([row("1")]).drop_columns("Tags").append_column("Tags", tags)
    assert canonical(table, "a").table["Tags"].to_pylist() == ['{"intermodal-model": "m"}']
