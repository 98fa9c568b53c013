"""The asset ``charges``."""

import dagster as dg
import pytest

from intermodal.assets.cost.charges import charges
from intermodal.platform.cost.focus.reading import canonical
from intermodal.platform.cost.ingestion import bills_of
from intermodal.platform.errors import Unavailable
from tests.memory.cost import MemoryBills, MemoryChargeStore
from tests.platform.cost.bills import AS_OF, raw, row


def materialize(sources: list[MemoryBills], store: MemoryChargeStore) -> dg.ExecuteInProcessResult:
    resources = {"bills": sources, "charges": store}
    return dg.materialize([charges], partition_key="2026-11-02", resources=resources, raise_on_error=False)


def source(name: str) -> MemoryBills:
    rows = canonical(raw([row("1"), row("2")]), name).table
    return MemoryBills(name, list(bills_of(rows, name, AS_OF)))


def test_charges_materialized_twice_are_the_same() -> None:
    store = MemoryChargeStore()
    for _ in range(2):
        result = materialize([source("a"), source("b")], store)
        (event,) = result.asset_materializations_for_node("charges")
        assert event.metadata["charges"].value == 4
    assert len(store.valid) == 2


def test_charges_of_a_source_that_fails_stay_and_the_run_fails() -> None:
    store = MemoryChargeStore()
    materialize([source("a")], store)
    kept = dict(store.valid)
    failing = source("a")
    failing.error = Unavailable("It does not answer.", hint="Look.")
    result = materialize([failing, source("b")], store)
    assert not result.success
    assert "a: It does not answer. Look." in str(result.failure_data_for_node("charges"))
    assert all(store.valid[bill] is snapshot for bill, snapshot in kept.items())
    assert {bill.source for bill in store.valid} == {"a", "b"}


def test_definitions_have_charges_where_bills_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from intermodal.definitions import with_platform

    for value, present in (("", False), ("a=focus:/bills", True)):
        monkeypatch.setenv("INTERMODAL_BILLS", value)
        keys = with_platform(dg.Definitions()).resolve_all_asset_keys()
        assert (dg.AssetKey("charges") in keys) is present
