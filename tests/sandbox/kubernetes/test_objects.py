"""The interface for controllers in the server's own process."""

import asyncio
from pathlib import Path

import pytest

from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import CONFIG_MAP, DEPLOYMENT
from intermodal.sandbox.kubernetes.schemas import Schemas
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Store
from intermodal.sandbox.state import State
from tests.sandbox.kubernetes.running import config_map, deployment


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(Store(State(tmp_path / "state.json"), window=10), Schemas())


def test_update_status_writes_the_status_alone(objects: Objects) -> None:
    made = objects.create(DEPLOYMENT, deployment(), "default")
    changed = made | {"status": {"observedGeneration": 1}, "spec": made["spec"] | {"replicas": 9}}
    stored = objects.update_status(DEPLOYMENT, changed)
    assert (stored["status"], stored["spec"]["replicas"]) == ({"observedGeneration": 1}, 1)
    assert [entry.get("subresource") for entry in stored["metadata"]["managedFields"]] == [None, "status"]


def test_stored_document_is_not_that_of_the_caller(objects: Objects) -> None:
    given = config_map(a="1")
    made = objects.create(CONFIG_MAP, given, "default")
    given["data"]["a"] = "2"
    assert objects.get(CONFIG_MAP, "default", "settings") == made
    assert made["data"] == {"a": "1"}


def test_update_of_a_stale_document_is_a_conflict(objects: Objects) -> None:
    made = objects.create(CONFIG_MAP, config_map(a="1"), "default")
    objects.update(CONFIG_MAP, made | {"data": {"a": "2"}})
    with pytest.raises(ApiError, match="the object has been modified") as refused:
        objects.update(CONFIG_MAP, made | {"data": {"a": "3"}})
    assert refused.value.code == 409


def test_watch_begins_with_what_exists_and_follows(objects: Objects) -> None:
    async def work() -> list[tuple[str, str]]:
        objects.create(CONFIG_MAP, config_map("old"), "default")
        events, found = objects.watch(CONFIG_MAP, Filter("default")), []
        found.append(await anext(events))
        objects.create(CONFIG_MAP, config_map("new"), "default")
        objects.delete(CONFIG_MAP, "default", "old")
        found += [await anext(events), await anext(events)]
        objects.store.cut()
        assert await anext(events, None) is None
        return [(event.type, event.object["metadata"]["name"]) for event in found]

    assert asyncio.run(work()) == [("ADDED", "old"), ("ADDED", "new"), ("DELETED", "old")]


def test_window_is_bounded(objects: Objects) -> None:
    begin = objects.store.version
    for number in range(11):
        objects.create(CONFIG_MAP, config_map(f"c{number}"), "default")
    assert len(objects.store.since(begin + 1)) == 10
    with pytest.raises(ApiError) as refused:
        objects.store.since(begin)
    assert refused.value.code == 410
