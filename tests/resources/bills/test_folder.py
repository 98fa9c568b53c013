"""A folder of FOCUS files."""

import gzip
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
from upath import UPath

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.findings import Lack
from intermodal.resources.bills.folder import FocusFolder
from tests.conformance.bills import DECEMBER, JANUARY, NOVEMBER, BillsConformance, billed
from tests.platform.cost.bills import csv, raw, row

NEXT_PERIOD = {
    "BillingPeriodStart": "2026-12-01T00:00:00Z",
    "BillingPeriodEnd": "2027-01-01T00:00:00Z",
    "ChargePeriodStart": "2026-12-03T00:00:00Z",
    "ChargePeriodEnd": "2026-12-04T00:00:00Z",
}


def write(path: Path, rows: Sequence[object], hour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(raw(rows), path)  # type: ignore[arg-type]
    else:
        text = csv(rows).encode()  # type: ignore[arg-type]
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    os.utime(path, (hour * 3600, hour * 3600))


class TestFocusFolder(BillsConformance):
    adapter: ClassVar[str] = "focus"

    @pytest.fixture
    def bills(self, tmp_path: Path) -> FocusFolder:
        write(tmp_path / "a.csv", [row("1.00"), row("0.25")])
        write(tmp_path / "b.parquet", [row("2.50", **NEXT_PERIOD)])
        return FocusFolder("acme", str(tmp_path))

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> FocusFolder:
        return FocusFolder("acme", str(tmp_path / "absent"))


def lacks(folder: Path) -> list[Lack]:
    return [each.lack for read in FocusFolder("acme", str(folder)).read(NOVEMBER, JANUARY) for each in read.findings]


def total(folder: Path) -> Decimal:
    (read,) = FocusFolder("acme", str(folder)).read(NOVEMBER, DECEMBER)
    return billed(read.snapshots)


def test_pieces_of_a_delivery_are_added_and_repeats_are_not(tmp_path: Path) -> None:
    write(tmp_path / "part-1.csv", [row("1")])
    write(tmp_path / "part-2.csv.gz", [row("2", InvoiceId="i")])
    write(tmp_path / "copy of part-1.csv", [row("1")])
    assert total(tmp_path) == 3
    assert lacks(tmp_path) == [Lack.REPEATED_FILE]


def test_newest_delivery_of_a_bill_replaces_the_others(tmp_path: Path) -> None:
    write(tmp_path / "first" / "a.csv", [row("1"), row("5", **NEXT_PERIOD)], hour=1)
    write(tmp_path / "second" / "a.csv", [row("2")], hour=2)
    (read,) = FocusFolder("acme", str(tmp_path)).read(NOVEMBER, JANUARY)
    assert [billed([each]) for each in read.snapshots] == [2, 5]


def test_bills_of_two_accounts_are_both_kept(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.csv", [row("1")], hour=1)
    write(tmp_path / "two" / "a.csv", [row("2", BillingAccountId="002")], hour=2)
    assert total(tmp_path) == 3


def test_damaged_gzip_leaves_the_older_delivery(tmp_path: Path) -> None:
    write(tmp_path / "first" / "a.csv", [row("1")], hour=1)
    path = tmp_path / "second" / "a.csv.gz"
    write(path, [row("2")], hour=2)
    content = bytearray(path.read_bytes())
    content[10] = 0xFF  # the first block's type, which there is not: zlib.error
    path.write_bytes(content)
    assert total(tmp_path) == 1
    assert lacks(tmp_path) == [Lack.TRUNCATED]


def test_folder_that_cannot_be_listed_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store's own error would stop the other sources too."""
    write(tmp_path / "a.csv", [row("1")])

    def refused(*_: object) -> bytes:
        raise PermissionError("Access Denied at https://user:secret@store")

    monkeypatch.setattr(UPath, "rglob", refused)
    monkeypatch.setattr(Path, "rglob", refused)
    with pytest.raises(Unavailable, match="Access Denied") as caught:
        total(tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_truncated_file_leaves_the_older_delivery(tmp_path: Path, name: str) -> None:
    write(tmp_path / "first" / "a.csv", [row("1")], hour=1)
    path = tmp_path / "second" / name
    write(path, [row("2"), row("3")], hour=2)
    path.write_bytes(path.read_bytes()[:-20])
    assert total(tmp_path) == 1
    assert lacks(tmp_path) == [Lack.TRUNCATED]


def test_account_number_keeps_its_zeros(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [row("1", BillingAccountId="000123")])
    (read,) = FocusFolder("acme", str(tmp_path)).read(NOVEMBER, DECEMBER)
    assert read.snapshots[0].bill.account == "AWS/000123"


def test_closed_period_corrections_add_to_the_open_bill(tmp_path: Path) -> None:
    """Scenario 1 of the appendix Correction handling examples, in the styles delta and ledger: 100 on R-111 were 60 on
    R-111 and 40 on R-222."""
    may = {"ChargePeriodStart": "2026-11-02T00:00:00Z", "ChargePeriodEnd": "2026-11-03T00:00:00Z"}
    correction = {**NEXT_PERIOD, **may, "ChargeClass": "Correction"}
    styles = {
        "delta": [("-40", "R-111"), ("40", "R-222")],
        "ledger": [("-100", "R-111"), ("60", "R-111"), ("40", "R-222")],
    }
    for style, rows in styles.items():
        folder = tmp_path / style
        write(folder / "original.csv", [row("100", ResourceId="R-111")])
        write(folder / "correction.csv", [row(cost, ResourceId=resource, **correction) for cost, resource in rows])
        (read,) = FocusFolder("acme", str(folder)).read(NOVEMBER, JANUARY)
        found = dict.fromkeys(("R-111", "R-222"), Decimal())
        for each in read.snapshots:
            for charge in each.table.to_pylist():
                found[charge["ResourceId"]] += charge["BilledCost"]
        assert found == {"R-111": 60, "R-222": 40}
        assert [billed([each]) for each in read.snapshots] == [100, 0]
        assert read.findings == ()


def test_objects_of_a_store_are_a_folder_too() -> None:
    """By fsspec, in memory: the newest delivery is known by the time at which its objects were written."""
    for index, cost in enumerate(("1", "2")):
        path = UPath(f"memory://bills-of-objects/{index}/a.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(csv([row(cost)]))
    (read,) = FocusFolder("acme", "memory://bills-of-objects").read(NOVEMBER, DECEMBER)
    assert billed(read.snapshots) == 2
    assert read.snapshots[0].as_of.year > 2000
