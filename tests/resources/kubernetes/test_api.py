"""Conflicts, pages, watches and retries against the sandbox's API server."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intermodal.platform.errors import IntermodalError, NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.kubernetes import api as module
from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.connection import Connection, kubeconfig
from intermodal.resources.kubernetes.errors import Busy, Expired, Rejected, from_answer
from intermodal.resources.kubernetes.manifests.endpoint import objects
from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import free_port
from tests.resources.kubernetes.documents import NAME, OPTIONS, REQUEST, TARGET
from tests.sandbox.kubernetes.conftest import TOKEN
from tests.sandbox.kubernetes.running import Running, running


def documents(api: Api, request: DeployRequest = REQUEST) -> dict[str, dict[str, Any]]:
    found = {each["kind"]: each for each in objects(request, TARGET, OPTIONS)}
    for each in found.values():
        each["metadata"]["namespace"] = api.namespace
    return found


def generation(api: Api) -> int:
    found = api.get("Deployment", NAME)
    assert found is not None
    return int(found["metadata"]["generation"])


def test_apply_is_ours_and_repeated_changes_nothing(api: Api) -> None:
    wanted = documents(api)["Deployment"]
    applied = api.apply(wanted)
    assert [each["manager"] for each in applied["metadata"]["managedFields"]] == ["intermodal"]
    assert api.apply(wanted)["metadata"]["resourceVersion"] == applied["metadata"]["resourceVersion"]


def test_apply_conflict_names_manager_and_field(api: Api) -> None:
    wanted = documents(api)["Deployment"]
    api.apply(wanted)
    path, body = api._path("Deployment", NAME), {"spec": {"progressDeadlineSeconds": 7}}
    query = {"fieldManager": "kubectl-edit"}
    api.connection.call("edit", "PATCH", path, query, body, module.MERGE)
    before = generation(api)
    with pytest.raises(Refused, match=r"kubectl-edit.*progressDeadlineSeconds") as caught:
        api.apply(wanted)
    assert "give up the fields" in caught.value.hint
    assert generation(api) == before


def test_scale_conflicts_with_no_apply(api: Api) -> None:
    wanted = documents(api)["Deployment"]
    api.apply(wanted)
    api.scale(NAME, 3)
    assert api.apply(wanted)["spec"]["replicas"] == 3


def test_apply_with_an_unknown_field_is_rejected(api: Api) -> None:
    wanted = documents(api)["Deployment"]
    wanted["spec"]["imagePolicy"] = "Always"
    with pytest.raises(Rejected, match="imagePolicy"):
        api.apply(wanted)


def test_apply_in_a_missing_namespace_is_not_found(connection: Connection) -> None:
    absent = Api(connection, "nowhere")
    with pytest.raises(NotFound, match="nowhere") as caught:
        absent.apply(documents(absent)["Deployment"])
    assert "namespace exists" in caught.value.hint


def test_find_reads_every_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        wanted = documents(api)["NetworkPolicy"]
        wanted["metadata"] |= {"name": f"n-{number}", "labels": {"page": "all"}}
        api.apply(wanted)
    found = api.find("NetworkPolicy", {"page": "all"})
    assert sorted(each["metadata"]["name"] for each in found) == [f"n-{number}" for number in range(5)]


def test_find_page_that_expires_lists_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {"items": [{"n": 1}], "metadata": {"continue": "c", "resourceVersion": "1"}}
    last = {"items": [{"n": 2}], "metadata": {"resourceVersion": "2"}}
    answers: Iterator[Any] = iter([first, Expired("gone"), first, last])

    def call(*_: object) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(api.connection, "call", call)
    assert api.find("Pod", {}) == [{"n": 1}, {"n": 2}]


def test_watch_misses_nothing_between_windows(api: Api) -> None:
    watch = api.watch("Deployment", NAME)
    assert list(watch.window(1)) == [None]
    api.apply(documents(api)["Deployment"])
    api.scale(NAME, 2)
    seen = [each["spec"]["replicas"] for each in watch.window(1) if each]
    assert seen == [1, 2]
    found = api.get("Deployment", NAME)
    assert found is not None
    api.delete(found, "Deployment")
    assert list(watch.window(1)) == [None]


def test_watch_of_one_ignores_others(api: Api) -> None:
    watch = api.watch("NetworkPolicy", "another")
    api.apply(documents(api)["NetworkPolicy"])
    assert list(watch.window(1)) == [None]


def test_watch_of_an_expired_version_lists_again(tmp_path: Path) -> None:
    """A server that remembers two changes."""
    with running(Settings("short", tmp_path, free_port(), TOKEN, window=2)) as short:
        api = Api(Connection(lambda: kubeconfig(str(short.kubeconfig)), retry_seconds=1), "default")
        api.apply(documents(api)["Deployment"])
        watch = api.watch("Deployment", NAME)
        list(watch.window(1))
        for replicas in range(2, 9):
            api.scale(NAME, replicas)
        assert list(watch.window(1)) == []
        assert [each["spec"]["replicas"] for each in watch.window(1) if each] == [8]


def test_watch_error_event_410_lists_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.apply(documents(api)["Deployment"])
    watch = api.watch("Deployment", NAME)
    list(watch.window(1))
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    with monkeypatch.context() as patched:
        patched.setattr(api.connection, "lines", lambda *_: iter([{"type": "ERROR", "object": gone}]))
        assert list(watch.window(1)) == []
    assert [each["metadata"]["name"] for each in watch.window(1) if each] == [NAME]


def test_watch_bookmark_moves_the_version_only(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = api.watch("Deployment", NAME)
    mark = {"kind": "Deployment", "metadata": {"resourceVersion": "77"}, "spec": {}}
    monkeypatch.setattr(api.connection, "lines", lambda *_: iter([{"type": "BOOKMARK", "object": mark}]))
    assert list(watch.window(1)) == [None]
    assert watch._version == "77"


def test_delete_of_another_uid_stays(api: Api) -> None:
    applied = api.apply(documents(api)["NetworkPolicy"])
    applied["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    api.delete(applied, "NetworkPolicy")
    assert api.get("NetworkPolicy", NAME) is not None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (410, Expired),
        (422, Rejected),
        (429, Throttled),
        (503, Unavailable),
    ],
)
def test_answer_of_a_proxy_is_an_error_too(status: int, error: type[IntermodalError]) -> None:
    found = from_answer(status, b"<html>", "read it")
    assert type(found) is error
    assert found.hint


def test_answer_409_without_managers_is_busy() -> None:
    assert isinstance(from_answer(409, b'{"kind": "Status", "message": "exists"}', "apply"), Busy)


def test_retry_waits_as_the_server_states(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    connection = Connection(lambda: None)
    answers: Iterator[Any] = iter([from_answer(429, b"", "read", "7"), b"{}"])

    def once(*_: object) -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    monkeypatch.setattr(connection, "_once", once)
    assert connection.call("read", "GET", "/x") == {}
    assert pauses == [7.0]


def test_retry_that_must_wait_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    connection = Connection(lambda: None, retry_seconds=20)

    def once(*_: object) -> bytes:
        raise from_answer(429, b"", "read", "3600")

    monkeypatch.setattr(connection, "_once", once)
    with pytest.raises(Throttled):
        connection.call("read", "GET", "/x")
    assert pauses == []


@pytest.mark.parametrize("content", [b"<html>", b"", b"[1]"])
def test_answer_200_of_a_proxy_is_unavailable(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    connection = Connection(lambda: None)
    monkeypatch.setattr(connection, "_once", lambda *_: content)
    with pytest.raises(Unavailable, match="no JSON object") as caught:
        connection.call("read it", "GET", "/x")
    assert caught.value.hint


def test_no_answer_is_unavailable(cluster: Running) -> None:
    def moved() -> Any:
        found = kubeconfig(str(cluster.kubeconfig))
        found.host = f"https://127.0.0.1:{free_port()}"
        found.refresh_api_key_hook = None  # it would set the host again
        return found

    with pytest.raises(Unavailable, match="no answer") as caught:
        Api(Connection(moved, retry_seconds=0), "default").get("Pod", "x")
    assert caught.value.hint


def test_token_is_in_no_log_repr_or_error(cluster: Running, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = Connection(lambda: kubeconfig(str(cluster.kubeconfig)), retry_seconds=0)
    found = Api(connection, namespace)
    found.find("Pod", {})
    with pytest.raises(NotFound) as caught:
        connection.call("read", "GET", "/api/v1/namespaces/none/pods/none")
    assert TOKEN not in "".join([caplog.text, repr(found), str(caught.value), repr(caught.value.__cause__)])


def test_wrong_token_is_refused(cluster: Running) -> None:
    def stranger() -> Any:
        found = kubeconfig(str(cluster.kubeconfig))
        found.api_key = {"BearerToken": "Bearer wrong-token"}
        found.refresh_api_key_hook = None
        return found

    with pytest.raises(Refused) as caught:
        Api(Connection(stranger, retry_seconds=0), "default").get("Pod", "x")
    assert "wrong-token" not in str(caught.value)


@pytest.mark.parametrize("context", ["", "absent"])
def test_kubeconfig_that_cannot_be_used_is_named(cluster: Running, tmp_path: Any, context: str) -> None:
    path = str(cluster.kubeconfig) if context else str(tmp_path / "none")
    with pytest.raises(SpecError, match=path.rpartition("/")[2]) as caught:
        kubeconfig(path, context)
    assert caught.value.hint


def test_watch_that_is_throttled_at_its_start_is_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.apply(documents(api)["Deployment"])
    watch, send, calls = api.watch("Deployment", NAME), api.connection._send, list[object]()
    list(watch.window(1))

    def throttled_once(*given: Any, **options: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise Throttled("too many requests")
        return send(*given, **options)

    monkeypatch.setattr(type(api.connection), "_send", staticmethod(throttled_once))
    api.scale(NAME, 3)
    calls.clear()
    assert [each["spec"]["replicas"] for each in watch.window(1) if each] == [3]
    assert len(calls) == 2
