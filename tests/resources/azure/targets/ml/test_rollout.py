"""A deploy on Azure ML whose deletions never end, and a management API that never answers: every wait has a limit."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

from intermodal.platform.errors import DeployFailed, Refused, Unavailable
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.targets.ml import workspace as ml_workspace
from intermodal.resources.azure.targets.ml.rollout import Rollout
from intermodal.resources.azure.targets.ml.scoring import Scoring
from tests.resources.azure.targets.ml.test_documents import documents

OURS, NAME = documents().deployment, documents().name


class Poller:
    """A deletion. A ``stuck`` one never ends, and a wait for it needs a limit."""

    def __init__(self, stuck: bool) -> None:
        self.stuck = stuck

    def wait(self, timeout: float | None = None) -> None:
        assert timeout is not None or not self.stuck, "this would wait for ever"

    def done(self) -> bool:
        return not self.stuck


class Workspace:
    """The calls that a rollout makes. ``stuck`` deletions never end."""

    def __init__(self, stuck: bool = True, **states: str) -> None:
        self.stuck, self.states, self.there = stuck, states, True
        self.capacity = documents().request.replicas
        self.traffic: dict[str, int] = {}
        self.deleted: list[str] = []

    def endpoint(self, name: str) -> Any:
        properties = SimpleNamespace(provisioning_state="Succeeded", traffic=self.traffic)
        return SimpleNamespace(name=name, properties=properties, tags=documents().tags) if self.there else None

    def deployments(self, _: str) -> list[Any]:
        return [
            SimpleNamespace(
                name=name,
                sku=SimpleNamespace(capacity=self.capacity),
                tags=documents().tags,
                properties=SimpleNamespace(
                    provisioning_state=state,
                    environment_variables=documents().deployment_body().properties.environment_variables,
                ),
            )
            for name, state in self.states.items()
        ]

    def put_endpoint(self, _: str, body: Any) -> None:
        self.traffic = body.properties.traffic

    def put_deployment(self, _: str, name: str, __: Any) -> None:
        self.states[name] = "Creating"

    def delete_deployment(self, _: str, name: str) -> Poller:
        if self.traffic.get(name):
            raise HttpResponseError("it has traffic: set its share to 0 first")
        self.deleted.append(name)
        self.states[name] = "Deleting"
        if not self.stuck:
            del self.states[name]
        return Poller(self.stuck)

    def delete_endpoint(self, name: str) -> Poller:
        self.deleted.append(name)
        self.there = self.stuck
        return Poller(self.stuck)

    def logs(self, *_: str) -> str:
        return "the container exited with 1"

    def delete_assets(self, name: str) -> None:
        self.deleted.append(f"assets of {name}")

    def put_datastore(self, *_: Any) -> None: ...

    put_model = put_environment = put_datastore


def rollout(workspace: Workspace) -> Rollout:
    return Rollout(workspace, documents())  # type: ignore[arg-type]


def test_step_slow_deletion_of_the_old_one_ends_the_deploy() -> None:
    workspace = Workspace(**{OURS: "Succeeded", "v-old": "Succeeded"})
    ours = rollout(workspace)
    assert not ours.step()  # the traffic moves
    assert ours.step()
    assert workspace.deleted == ["v-old"]
    assert workspace.traffic == {OURS: 100}


def test_step_earlier_failure_is_awaited_until_deleted() -> None:
    workspace = Workspace(**{OURS: "Failed"})
    ours = rollout(workspace)
    assert not ours.step()
    assert not ours.step()  # under way, and the deploy's own deadline ends it
    assert workspace.deleted == [OURS]
    del workspace.states[OURS]  # now it is gone
    assert not ours.step()
    assert workspace.states == {OURS: "Creating"}


def test_step_failed_with_traffic_loses_it_and_is_replaced() -> None:
    workspace = Workspace(False, **{OURS: "Failed"})
    workspace.traffic = {OURS: 100}
    ours = rollout(workspace)
    assert not ours.step()
    assert workspace.traffic == {}
    assert not ours.step()
    assert workspace.deleted == [OURS]
    assert not ours.step()
    workspace.states[OURS] = "Succeeded"
    assert not ours.step()
    assert ours.step()
    assert workspace.traffic == {OURS: 100}


def test_step_failed_with_traffic_gives_it_to_one_that_is_well() -> None:
    workspace = Workspace(False, **{OURS: "Failed", "v-older": "Failed", "v-old": "Succeeded"})
    workspace.traffic = {OURS: 90, "v-old": 10}
    assert not rollout(workspace).step()
    assert workspace.traffic == {"v-old": 100}


def test_step_correction_that_fails_keeps_what_has_the_traffic() -> None:
    workspace = Workspace(False, **{OURS: "Succeeded"})
    workspace.traffic, workspace.capacity = {OURS: 100}, 7
    ours = rollout(workspace)
    assert not ours.step()
    assert workspace.states == {OURS: "Creating"}
    workspace.states[OURS] = "Failed"
    with pytest.raises(DeployFailed, match="not corrected: the container exited") as caught:
        ours.step()
    assert "is kept" in caught.value.hint
    assert workspace.deleted == []


@pytest.mark.parametrize(
    ("stuck", "deleted", "hint"),
    [
        (True, [OURS], "still being deleted"),
        (False, [OURS, documents().name, f"assets of {documents().name}"], "costs nothing"),
    ],
)
def test_step_failure_is_raised_whether_deleted_or_not(stuck: bool, deleted: list[str], hint: str) -> None:
    workspace = Workspace(stuck)
    ours = rollout(workspace)
    assert not ours.step()
    workspace.states[OURS] = "Failed"
    with pytest.raises(DeployFailed, match="exited with 1") as caught:
        ours.step()
    assert hint in caught.value.hint
    assert workspace.deleted == deleted


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "There is already an endpoint with this name, Endpoint name needs to be unique within a region."),
        (409, "The specified endpoint name 'x' is not available. Endpoint names must be unique within the region."),
    ],
)
def test_step_name_of_another_workspace_is_refused(monkeypatch: pytest.MonkeyPatch, status: int, reason: str) -> None:
    """Two companies may have a model of one name, and Azure's endpoint names are the region's."""
    workspace = Workspace()
    workspace.there = False
    error = HttpResponseError(reason)
    error.status_code = status

    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(workspace, "put_endpoint", refuse)
    with pytest.raises(Refused, match=f"'{NAME}' exists in another workspace of the region") as caught:
        rollout(workspace).step()
    assert "another name" in caught.value.hint
    assert "another region" in caught.value.hint
    assert workspace.deleted == []


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


def test_workspace_silent_cloud_is_unavailable_soon(silence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(ml_workspace.CALL_LIMITS.values()) <= 30
    for limit in ml_workspace.CALL_LIMITS:
        monkeypatch.setitem(ml_workspace.CALL_LIMITS, limit, 0.2)
    known = SimpleNamespace(get_token=lambda *_, **__: AccessToken("token", int(time.time()) + 3600))
    monkeypatch.setattr(ml_workspace, "credential", lambda: known)
    workspace = ml_workspace.Workspace(silence, "s", "g", "w")
    with pytest.raises(Unavailable), translated("look"):
        workspace.endpoint("any")
    with pytest.raises(Unavailable), translated("score"):
        Scoring().score("score", f"{silence}/score", "key", b"{}")
