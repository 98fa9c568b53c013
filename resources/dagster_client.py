"""A client of Dagster's webserver: launches runs as the UI does, and reads their results."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.resources.polling import poll
from intermodal.resources.storage.addresses import without_passwords

if TYPE_CHECKING:  # the command line reads status without waiting for Dagster's import
    from dagster_graphql import DagsterGraphQLClient

SUCCESS = "SUCCESS"
ENDED = (SUCCESS, "FAILURE", "CANCELED")
"""Values of ``dagster.DagsterRunStatus``."""
LAUNCH_SECONDS = 60.0
"""Limit of a launch while the webserver starts or loads the definitions."""
LAUNCH_PAUSE_SECONDS, STATUS_PAUSE_SECONDS = 0.5, 0.3

LATEST = """query Latest($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset { definition { id }
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } ... on TextMetadataEntry { text }
    ... on BoolMetadataEntry { boolValue } ... on MarkdownMetadataEntry { mdStr } } } } } }"""

JOBS = """query Jobs { workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  ... on RepositoryLocation { repositories { name jobs { name } } } ... on PythonError { message } } } } } }"""

DEFINITION = """query Definition($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset { definition {
  metadataEntries { label ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } } } } } }"""

CHECKS = """query Checks($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }"""

GROUP = """query Group($group: AssetGroupSelector!) { assetNodes(group: $group) { assetKey { path }
  metadataEntries { label ... on TextMetadataEntry { text } } } }"""

HEARTBEAT = (
    """query Heartbeat { instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { lastHeartbeatTime } } } }"""
)

RECENT = """query Recent($model: String!) { runsOrError(filter: {tags: [{key: "model", value: $model}]}, limit: 20) {
  ... on Runs { results { runId jobName status } } } }"""

REASON = """query Reason($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { error { message errorChain { error { message } } } } } } } }"""


@dataclass(frozen=True)
class Location:
    """A code location: whether it still loads, the error when it did not load, its jobs and its repositories."""

    name: str
    loading: bool
    error: str
    jobs: tuple[str, ...]
    repositories: tuple[str, ...] = ()


def launch(
    url: str,
    job: str,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    seconds: float = LAUNCH_SECONDS,
) -> str:
    """Launch a run of ``job`` by the webserver at ``url``, retried for ``seconds``. Returns the run's id. NotFound when
    there is no such job; Unavailable."""
    from dagster_graphql import DagsterGraphQLClientError

    def submit() -> str:
        try:
            return _client(url).submit_job_execution(
                job,
                repository_location_name=_location(url, job),
                tags=dict(tags or {}),
                run_config=dict(config or {}),
            )
        except (DagsterGraphQLClientError, OSError) as error:
            if (known := jobs(url)) and job not in known:
                similar = [name for name in known if name.partition("_")[0] == job.partition("_")[0]]
                raise NotFound(
                    f"Dagster has no job '{job}'.", hint=f"It has: {', '.join(similar or known)}."
                ) from error
            raise

    retrying = Retrying(
        retry=retry_if_exception_type((DagsterGraphQLClientError, OSError)),
        wait=wait_fixed(LAUNCH_PAUSE_SECONDS),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    try:
        return retrying(submit)
    except (DagsterGraphQLClientError, OSError) as error:
        raise Unavailable(
            f"The run of {job} was not launched: {_cause(error)}", hint=f"Does {without_passwords(url)} answer?"
        ) from error


def wait(url: str, run_id: str, seconds: float = 600) -> None:
    """Block until the run ends; IntermodalError when it does not succeed."""

    def final_status() -> str | None:
        return status if (status := _status(url, run_id)) in ENDED else None

    status = poll(final_status, seconds, growth=1, first_pause=STATUS_PAUSE_SECONDS)
    if status is None:
        raise IntermodalError(f"Run {run_id} did not end within {seconds:.0f} s.", hint=f"See {page(url, run_id)}.")
    if status != SUCCESS:
        text = f"Run {run_id} ended as {status}. {_reason(url, run_id)}".strip()
        raise IntermodalError(text, hint=f"See {page(url, run_id)}.")


def stop(url: str, run_id: str) -> None:
    """Interrupt a run, which then undoes its changes. Does nothing when it has ended already."""
    from dagster_graphql import DagsterGraphQLClientError

    try:
        _client(url).terminate_run(run_id)
    except DagsterGraphQLClientError as error:
        if _status(url, run_id) not in ENDED:
            raise IntermodalError(
                f"Run {run_id} was not stopped: {error}", hint=f"Stop it at {page(url, run_id)}."
            ) from error


def metadata(url: str, key: Sequence[str], seconds: float = 30) -> dict[str, Any]:
    """Numbers, texts and markdown of an asset's newest materialization; empty when there is none, or no such asset any
    more. ``seconds`` limits the call."""
    asset = _query(url, LATEST, {"key": {"path": list(key)}}, seconds)["assetOrError"]
    found = (asset.get("definition") and asset.get("assetMaterializations")) or []
    values = ("intValue", "floatValue", "boolValue", "text", "mdStr")
    entries = found[0]["metadataEntries"] if found else []
    return {e["label"]: next((e[v] for v in values if e.get(v) is not None), None) for e in entries}


def definition_metadata(url: str, key: Sequence[str], seconds: float = 30) -> dict[str, str]:
    """Texts and JSON documents that an asset's definition carries; empty when there is no such asset. ``seconds``
    limits the call."""
    definition = _query(url, DEFINITION, {"key": {"path": list(key)}}, seconds)["assetOrError"].get("definition") or {}
    values = {e["label"]: e.get("text") or e.get("jsonString") for e in definition.get("metadataEntries", ())}
    return {label: value for label, value in values.items() if value}


def failed(url: str, model: str, jobs: Collection[str], seconds: float = 30) -> str:
    """The id of the newest of a model's last 20 runs that is one of ``jobs``, if it failed or was stopped; else ''."""
    for run in _query(url, RECENT, {"model": model}, seconds)["runsOrError"].get("results", ()):
        if run["jobName"] in jobs:
            return str(run["runId"]) if run["status"] in ("FAILURE", "CANCELED") else ""
    return ""


def page(url: str, run_id: str) -> str:
    """The address of a run's page in the UI, for display."""
    return f"{without_passwords(url)}/runs/{run_id}"


def jobs(url: str) -> list[str]:
    """The names of all jobs; none while the webserver does not answer or has not loaded them."""
    return sorted({job for location in locations(url) for job in location.jobs})


def locations(url: str) -> list[Location]:
    """The code locations by name; none while the webserver does not answer."""
    try:
        found = _query(url, JOBS, {}, seconds=5)["workspaceOrError"]
    except Unavailable:
        return []
    return sorted(map(_parse_location, found.get("locationEntries", ())), key=lambda location: location.name)


def _parse_location(entry: Mapping[str, Any]) -> Location:
    loaded = entry["locationOrLoadError"] or {}
    repositories = loaded.get("repositories", ())
    jobs = [job["name"] for repository in repositories for job in repository["jobs"]]
    return Location(
        entry["name"],
        entry["loadStatus"] == "LOADING",
        str(loaded.get("message", "")).strip(),
        tuple(job for job in jobs if not job.startswith("__")),
        tuple(repository["name"] for repository in repositories),
    )


def _location(url: str, job: str) -> str | None:
    """The first code location that has the job; None when none has."""
    return next((location.name for location in locations(url) if job in location.jobs), None)


def check_passed(url: str, key: Sequence[str], check: str, seconds: float = 30) -> bool | None:
    """The outcome of an asset's check for its newest materialization; None when it has none. Raises Unavailable."""
    node = _query(url, CHECKS, {"key": {"path": list(key)}}, seconds)["assetNodeOrError"]
    found = {each["name"]: each for each in node.get("assetChecksOrError", {}).get("checks", ())}
    execution = found.get(check, {}).get("executionForLatestMaterialization") or {}
    return {"SUCCEEDED": True, "FAILED": False}.get(execution.get("status", ""))


def group_metadata(url: str, known: Iterable[Location], group: str, label: str, seconds: float = 5) -> dict[str, str]:
    """The texts that the definitions of a group's assets have under ``label``, by the first part of each asset's key,
    in the ``known`` code locations. Raises Unavailable."""
    found = {}
    for location in known:
        for repository in location.repositories:
            selector = {
                "groupName": group,
                "repositoryName": repository,
                "repositoryLocationName": location.name,
            }
            for node in _query(url, GROUP, {"group": selector}, seconds)["assetNodes"]:
                entries = {entry["label"]: entry.get("text") for entry in node["metadataEntries"]}
                found[node["assetKey"]["path"][0]] = str(entries.get(label) or "")
    return found


def heard_of(url: str) -> float | None:
    """The last heartbeat of the sensor daemon, Unix seconds; None before its first. Raises Unavailable."""
    status = _query(url, HEARTBEAT, {}, seconds=5)["instance"]["daemonHealth"]["daemonStatus"]
    heartbeat = status["lastHeartbeatTime"]
    return None if heartbeat is None else float(heartbeat)


def _status(url: str, run_id: str) -> str:
    from dagster_graphql import DagsterGraphQLClientError

    try:
        return str(_client(url).get_run_status(run_id).value)
    except (DagsterGraphQLClientError, OSError) as error:
        raise Unavailable(
            f"Dagster does not return the status of run {run_id}: {_cause(error)}",
            hint=f"The run continues without this terminal. See {page(url, run_id)}.",
        ) from error


def _cause(error: Exception) -> BaseException:
    """The reason: the message of the client's own error is the query."""
    return error.__cause__ or error


def _reason(url: str, run_id: str) -> str:
    """The message of the first failed step: of an IntermodalError, else of the innermost error; '' when unknown."""
    try:
        events = _query(url, REASON, {"run": run_id})["logsForRun"].get("events", ())
    except Unavailable:
        return ""
    for event in events:
        if error := event.get("error"):
            chain = [error["message"], *(link["error"]["message"] for link in error["errorChain"])]
            ours = [message for message in chain if message.startswith("intermodal.")]
            return re.sub(r"^[\w.]+: ", "", str((ours or chain[-1:])[0]).strip())  # without the class's name
    return ""


def _query(url: str, query: str, variables: Mapping[str, Any], seconds: float = 30) -> dict[str, Any]:
    try:
        answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=seconds)
        answer.raise_for_status()
        return dict(answer.json()["data"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise Unavailable(
            without_passwords(f"Dagster does not answer at {url}: {error}."), hint="Start it, or correct the URL."
        ) from error


def _client(url: str) -> DagsterGraphQLClient:
    """Of the same webserver as ``_query``, which takes path and password from the address itself."""
    from dagster_graphql import DagsterGraphQLClient
    from requests.auth import HTTPBasicAuth

    parts = urlsplit(url)
    return DagsterGraphQLClient(
        str(parts.hostname),
        port_number=parts.port or None,
        use_https=parts.scheme == "https",
        auth=HTTPBasicAuth(unquote(parts.username), unquote(parts.password or "")) if parts.username else None,
        path_prefix=parts.path.rstrip("/"),
    )
