"""A folder of FOCUS files, the store, and sums over it."""

import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.ingestion import bills_of
from intermodal.platform.errors import SpecError
from intermodal.resources.bills.folder import FocusFolder
from intermodal.resources.cost.queries import Charges
from intermodal.resources.cost.store import ChargeStore
from tests.conformance.charges import ChargeStoreConformance, snapshot
from tests.platform.cost.bills import csv, raw, row

NOVEMBER = date(2026, 11, 1), date(2026, 12, 1)


def billed(store: ChargeStore) -> Decimal:
    return sum((each.billed for each in Charges(store).spend([])), Decimal())


def test_sums_by_team_equal_the_file_to_the_cent(tmp_path: Path) -> None:
    folder = tmp_path / "bills"
    folder.mkdir()
    amounts = [Decimal(random.Random(1).randrange(-500, 5000)).scaleb(-4) for _ in range(500)]
    teams = [f"team:t{index % 3}" for index in range(500)]
    rows = [
        row(str(amount), Tags=f'{{"intermodal-team": "{team}"}}') for amount, team in zip(amounts, teams, strict=True)
    ]
    (folder / "a.csv").write_text(csv(rows))
    store = ChargeStore(str(tmp_path / "store"))
    for read in FocusFolder("acme", str(folder)).read(*NOVEMBER):
        for each in read.snapshots:
            assert store.replace(each)
    expected = {
        name: sum(a for a, t in zip(amounts, teams, strict=True) if t == f"team:{name}") for name in ("t0", "t1", "t2")
    }
    assert {each.by[0]: each.billed for each in Charges(store).spend(["team"])} == expected


def test_currencies_are_never_added(tmp_path: Path) -> None:
    store = ChargeStore(str(tmp_path))
    rows = [row("1"), row("2", BillingCurrency="EUR"), row("", BillingCurrency="EUR")]
    for each in bills_of(canonical(raw(rows), "a").table, "acme", datetime(2026, 12, 1, tzinfo=UTC)):
        store.replace(each)
    found = Charges(store).spend(["team"])
    assert [(each.currency, each.billed, each.charges, each.without_cost) for each in found] == [
        ("EUR", Decimal(2), 2, 1),
        ("USD", Decimal(1), 1, 0),
    ]


@given(st.data())
def test_totals_equal_the_final_bills_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    amounts = st.lists(st.integers(-(10**9), 10**9).map(lambda units: Decimal(f"{units}E-6")), min_size=1, max_size=5)
    versions = [
        snapshot(data.draw(amounts), account, hour)
        for account in ("001", "002")
        for hour in range(data.draw(st.integers(1, 3)))
    ]
    repeated = data.draw(st.lists(st.sampled_from(versions), max_size=4))
    store = ChargeStore(str(tmp_path_factory.mktemp("store")))
    for each in data.draw(st.permutations([*versions, *repeated])):
        store.replace(each)
    final = {each.bill: each for each in sorted(versions, key=lambda each: each.as_of)}
    expected = sum((sum(each.table["BilledCost"].to_pylist(), Decimal()) for each in final.values()), Decimal())
    assert billed(store) == expected


def test_store_killed_while_writing_keeps_the_bill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ChargeStore(str(tmp_path))
    store.replace(snapshot([Decimal(1)], "001", 1))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("upath.UPath.rename", killed)
        patch.setattr("pathlib.Path.rename", killed)
        with pytest.raises(KeyboardInterrupt):
            store.replace(snapshot([Decimal(2)], "001", 2))
    assert billed(store) == 1
    store.replace(snapshot([Decimal(2)], "001", 2))
    assert billed(store) == 2


def test_store_that_was_not_cleaned_counts_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ChargeStore(str(tmp_path))
    store.replace(snapshot([Decimal(1)], "001", 1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", lambda *_: (_ for _ in ()).throw(PermissionError("no")))
        with pytest.raises(PermissionError):
            store.replace(snapshot([Decimal(2)], "001", 2))
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert billed(store) == 2


class TestChargeStore(ChargeStoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ChargeStore:
        return ChargeStore(str(tmp_path / "charges"))

    @pytest.fixture
    def billed(self, store: ChargeStore) -> Callable[[], Decimal]:
        return lambda: billed(store)


def test_spend_by_an_unknown_dimension_lists_them(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no dimension colour"):
        Charges(ChargeStore(str(tmp_path))).spend(["colour"])


def test_spend_of_an_empty_store_is_empty(tmp_path: Path) -> None:
    charges = Charges(ChargeStore(str(tmp_path / "none")))
    assert charges.spend(["day"]) == []
    assert list(charges.rows()) == []
