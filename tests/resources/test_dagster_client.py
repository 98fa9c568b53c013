"""Launches: an unknown job is an error at once, a silent webserver after a limit; and the queries of Dagster's API."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from dagster_graphql import DagsterGraphQLClientError
from dagster_graphql.schema import create_schema
from graphql import parse, validate

from intermodal.platform.errors import NotFound, Unavailable
from intermodal.resources import dagster_client
from intermodal.sandbox.settings import free_port


class Webserver(BaseHTTPRequestHandler):
    """Has two jobs, and launches neither: its response is Dagster's for a missing job."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        names = [{"name": name} for name in ("drill_a", "deploy_a", "__ASSET_JOB")]
        loaded = {
            "name": "shop",
            "loadStatus": "LOADED",
            "locationOrLoadError": {"repositories": [{"name": "__repository__", "jobs": names}]},
        }
        jobs = {"workspaceOrError": {"locationEntries": [loaded]}}
        none = {"repositoriesOrError": {"nodes": []}}
        answer = {"data": jobs if "query Jobs" in request["query"] else none}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Webserver)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_launch_unknown_job_names_known_ones_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise DagsterGraphQLClientError("JobNotFoundError")

    monkeypatch.setattr("dagster_graphql.DagsterGraphQLClient.submit_job_execution", refuse)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(NotFound, match=r"no job 'drill_nope'\. It has: drill_a\."):
        dagster_client.launch(url, "drill_nope")


def test_launch_among_several_locations_names_the_one_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str, **loaded: Any) -> dict[str, Any]:
        return {"name": name, "loadStatus": "LOADED", "locationOrLoadError": loaded}

    found = [
        entry("red", repositories=[{"name": "__repository__", "jobs": [{"name": "drill_b"}, {"name": "withdraw"}]}]),
        entry("broken", message="no such module\n"),
        entry("blue", repositories=[{"name": "__repository__", "jobs": [{"name": "drill_a"}, {"name": "withdraw"}]}]),
    ]
    monkeypatch.setattr(dagster_client, "_query", lambda *_, **__: {"workspaceOrError": {"locationEntries": found}})
    chosen: dict[str, str] = {}

    def submit(_: Any, job: str, repository_location_name: str, **__: Any) -> str:
        chosen[job] = repository_location_name
        return "run"

    monkeypatch.setattr("dagster_graphql.DagsterGraphQLClient.__init__", lambda *_, **__: None)
    monkeypatch.setattr("dagster_graphql.DagsterGraphQLClient.submit_job_execution", submit)
    for job in ("drill_a", "drill_b", "withdraw"):
        assert dagster_client.launch("http://ui", job) == "run"
    assert chosen == {"drill_a": "blue", "drill_b": "red", "withdraw": "blue"}
    assert dagster_client.jobs("http://ui") == ["drill_a", "drill_b", "withdraw"]
    assert [location.error for location in dagster_client.locations("http://ui")] == ["", "no such module", ""]


@pytest.mark.parametrize(
    ("newest_first", "failed"),
    [
        ([], ""),
        ([("data_a", "FAILURE"), ("train_a", "FAILURE")], ""),
        ([("data_a", "SUCCESS"), ("deploy_a", "FAILURE"), ("deploy_a", "SUCCESS")], "1"),
        ([("deploy_a", "CANCELED")], "0"),
        ([("retrain_a", "SUCCESS"), ("deploy_a", "FAILURE")], ""),
        ([("deploy_a", "STARTED"), ("deploy_a", "FAILURE")], ""),
    ],
)
def test_failed_several_runs_is_of_the_newest(
    monkeypatch: pytest.MonkeyPatch, newest_first: list[tuple[str, str]], failed: str
) -> None:
    found = [{"runId": str(n), "jobName": job, "status": status} for n, (job, status) in enumerate(newest_first)]
    monkeypatch.setattr(dagster_client, "_query", lambda *_: {"runsOrError": {"results": found}})
    assert dagster_client.failed("http://ui", "a", ["deploy_a", "retrain_a"]) == failed


@pytest.mark.parametrize(
    ("execution", "passed"),
    [({"status": "SUCCEEDED"}, True), ({"status": "FAILED"}, False), ({"status": "IN_PROGRESS"}, None), (None, None)],
)
def test_check_passed_of_a_check_is_its_last_outcome(
    monkeypatch: pytest.MonkeyPatch, execution: dict[str, str] | None, passed: bool | None
) -> None:
    checks = [{"name": "no_drift", "executionForLatestMaterialization": execution}]
    node = {"assetNodeOrError": {"assetChecksOrError": {"checks": checks}}}
    monkeypatch.setattr(dagster_client, "_query", lambda *_: node)
    assert dagster_client.check_passed("http://ui", ["m", "drift"], "no_drift") is passed
    assert dagster_client.check_passed("http://ui", ["m", "drift"], "other") is None


def test_group_metadata_of_several_locations_is_by_first_part_of_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def nodes(url: str, query: str, variables: dict[str, Any], seconds: float) -> dict[str, Any]:
        del url, query, seconds
        name = variables["group"]["repositoryLocationName"]
        entries = [{"label": "other", "text": "x"}, {"label": "why", "text": f"as {name} has it"}]
        return {"assetNodes": [{"assetKey": {"path": [f"m_{name}", "broken"]}, "metadataEntries": entries}]}

    monkeypatch.setattr(dagster_client, "_query", nodes)
    known = [dagster_client.Location(name, False, "", (), ("__repository__",)) for name in ("red", "blue")]
    found = dagster_client.group_metadata("http://ui", known, "broken_models", "why")
    assert found == {"m_red": "as red has it", "m_blue": "as blue has it"}


def test_launch_silent_webserver_raises_without_the_query() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match="The run of drill_a was not launched") as failure:
        dagster_client.launch(url, "drill_a", seconds=0.1)
    assert url in failure.value.hint
    assert "query" not in failure.value.message


@pytest.mark.parametrize(
    "query",
    [
        dagster_client.LATEST,
        dagster_client.JOBS,
        dagster_client.DEFINITION,
        dagster_client.GROUP,
        dagster_client.CHECKS,
        dagster_client.HEARTBEAT,
        dagster_client.RECENT,
        dagster_client.REASON,
    ],
)
def test_queries_are_valid_in_dagsters_schema(query: str) -> None:
    assert validate(create_schema().graphql_schema, parse(query)) == []


def test_query_that_is_refused_does_not_repeat_the_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Webserver, "do_POST", lambda self: self.send_error(401))
    with pytest.raises(Unavailable, match="401") as caught:
        dagster_client.metadata(url.replace("://", "://me:secret@"), ["asset"])
    assert "secret" not in str(caught.value)


def test_launch_and_query_call_the_same_address_with_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = list[tuple[str, str]]()
    post = Webserver.do_POST

    def record(self: Webserver) -> None:
        called.append((self.path, self.headers["authorization"]))
        post(self)

    monkeypatch.setattr(Webserver, "do_POST", record)
    address = f"{url.replace('://', '://me:se%40cret@')}/dagster"
    with suppress(KeyError):  # the answer to the launch is none of Dagster's
        dagster_client.launch(address, "drill_a")
    basic = base64.b64encode(b"me:se@cret").decode()
    assert len(called) > 1
    assert set(called) == {("/dagster/graphql", f"Basic {basic}")}
