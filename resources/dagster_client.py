"""Runs, launched through Dagster's webserver as the UI does, from wherever that can be reached."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.resources.storage.addresses import without_passwords

if TYPE_CHECKING:  # the command line reads status without waiting for Dagster's import
    from dagster_graphql import DagsterGraphQLClient

SUCCESS = "SUCCESS"
ENDED = (SUCCESS, "FAILURE", "CANCELED")
"""Values of ``dagster.DagsterRunStatus``."""
PATIENCE = 60.0
"""Seconds that a launch waits for a webserver that is starting or still loads the definitions."""

LATEST = """query Latest($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset { definition { id }
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } ... on TextMetadataEntry { text }
    ... on BoolMetadataEntry { boolValue } ... on MarkdownMetadataEntry { mdStr } } } } } }"""

JOBS = """query Jobs { workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
  ... on RepositoryLocation { repositories { jobs { name } } } ... on PythonError { message } } } } } }"""

DEFINITION = """query Definition($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset { definition {
  metadataEntries { label ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } } } } } }"""

HEARTBEAT = (
    """query Heartbeat { instance { daemonHealth { daemonStatus(daemonType: "SENSOR") { lastHeartbeatTime } } } }"""
)

RECENT = """query Recent($model: String!) { runsOrError(filter: {tags: [{key: "model", value: $model}]}, limit: 20) {
  ... on Runs { results { runId jobName status } } } }"""

REASON = """query Reason($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { error { message errorChain { error { message } } } } } } } }"""


@dataclass(frozen=True)
class Location:
    """A code location: whether it still loads, the error when it did not load, and its jobs."""

    name: str
    loading: bool
    error: str
    jobs: tuple[str, ...]


def launch(
    url: str,
    job: str,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    patience: float = PATIENCE,
) -> str:
    """Ask for a run of ``job`` at the webserver ``url``; the run's id. NotFound when there is no such job; ``patience``
    is how many seconds a webserver that does not answer yet has."""
    from dagster_graphql import DagsterGraphQLClientError

    deadline = time.monotonic() + patience
    while True:
        try:
            return _client(url).submit_job_execution(
                job,
                repository_location_name=_location(url, job),
                tags=dict(tags or {}),
                run_config=dict(config or {}),
            )
        except (DagsterGraphQLClientError, OSError) as error:
            if (known := jobs(url)) and job not in known:
                like = [one for one in known if one.partition("_")[0] == job.partition("_")[0]]
                raise NotFound(f"Dagster has no job '{job}'.", hint=f"It has: {', '.join(like or known)}.") from error
            if time.monotonic() > deadline:
                why = error.__cause__ or error  # the client's own words are the query
                raise Unavailable(
                    f"The run of {job} was not taken: {why}", hint=f"Does {without_passwords(url)} answer?"
                ) from error
            time.sleep(0.5)


def wait(url: str, run_id: str, seconds: float = 600) -> None:
    """Block until the run ends; IntermodalError when it does not succeed."""
    deadline = time.monotonic() + seconds
    while (status := _status(url, run_id)) not in ENDED:
        if time.monotonic() > deadline:
            raise IntermodalError(f"Run {run_id} did not end within {seconds:.0f} s.", hint=f"See {page(url, run_id)}.")
        time.sleep(0.3)
    if status != SUCCESS:
        why = _reason(url, run_id)
        raise IntermodalError(f"Run {run_id} ended as {status}. {why}".strip(), hint=f"See {page(url, run_id)}.")


def stop(url: str, run_id: str) -> None:
    """End a run: it is interrupted, and takes back what it did. One that has ended already is left as it is."""
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
    more. ``seconds``: how long the webserver has."""
    asset = _ask(url, LATEST, {"key": {"path": list(key)}}, seconds)["assetOrError"]
    found = (asset.get("definition") and asset.get("assetMaterializations")) or []
    values = ("intValue", "floatValue", "boolValue", "text", "mdStr")
    entries = found[0]["metadataEntries"] if found else []
    return {e["label"]: next((e[v] for v in values if e.get(v) is not None), None) for e in entries}


def definition_metadata(url: str, key: Sequence[str]) -> dict[str, str]:
    """Texts and JSON documents that an asset's definition carries; empty when there is no such asset."""
    definition = _ask(url, DEFINITION, {"key": {"path": list(key)}})["assetOrError"].get("definition") or {}
    values = {e["label"]: e.get("text") or e.get("jsonString") for e in definition.get("metadataEntries", ())}
    return {label: value for label, value in values.items() if value}


def failed(url: str, model: str, jobs: Collection[str], seconds: float = 30) -> str:
    """The id of the newest of a model's last 20 runs that is one of ``jobs``, if it failed or was stopped; else ''."""
    for run in _ask(url, RECENT, {"model": model}, seconds)["runsOrError"].get("results", ()):
        if run["jobName"] in jobs:
            return str(run["runId"]) if run["status"] in ("FAILURE", "CANCELED") else ""
    return ""


def page(url: str, run_id: str) -> str:
    """Where the UI shows a run, to be printed."""
    return f"{without_passwords(url)}/runs/{run_id}"


def jobs(url: str) -> list[str]:
    """The names of all jobs; none while the webserver does not answer or has not loaded them."""
    return sorted({job for location in locations(url) for job in location.jobs})


def locations(url: str) -> list[Location]:
    """The code locations by name; none while the webserver does not answer."""
    try:
        found = _ask(url, JOBS, {}, seconds=5)["workspaceOrError"]
    except Unavailable:
        return []
    return sorted(map(_parse_location, found.get("locationEntries", ())), key=lambda location: location.name)


def _parse_location(entry: Mapping[str, Any]) -> Location:
    loaded = entry["locationOrLoadError"] or {}
    jobs = [job["name"] for repository in loaded.get("repositories", ()) for job in repository["jobs"]]
    return Location(
        entry["name"],
        entry["loadStatus"] == "LOADING",
        str(loaded.get("message", "")).strip(),
        tuple(job for job in jobs if not job.startswith("__")),
    )


def _location(url: str, job: str) -> str | None:
    """The first code location that has the job; None when none has."""
    return next((location.name for location in locations(url) if job in location.jobs), None)


def heard_of(url: str) -> float | None:
    """When the daemon that ticks the sensors last said that it lives, Unix seconds; None when it never did.
    Unavailable."""
    status = _ask(url, HEARTBEAT, {}, seconds=5)["instance"]["daemonHealth"]["daemonStatus"]
    at = status["lastHeartbeatTime"]
    return None if at is None else float(at)


def _status(url: str, run_id: str) -> str:
    from dagster_graphql import DagsterGraphQLClientError

    try:
        return str(_client(url).get_run_status(run_id).value)
    except (DagsterGraphQLClientError, OSError) as error:  # the client's own words are the query; why is its cause
        raise Unavailable(
            f"Dagster does not say how run {run_id} is going: {error.__cause__ or error}",
            hint=f"The run does not need this terminal. See {page(url, run_id)}, when that answers.",
        ) from error


def _reason(url: str, run_id: str) -> str:
    """What the first step that failed says of it: our own sentence, else the innermost; '' when nothing is known."""
    try:
        events = _ask(url, REASON, {"run": run_id})["logsForRun"].get("events", ())
    except Unavailable:
        return ""
    for event in events:
        if error := event.get("error"):
            chain = [error["message"], *(link["error"]["message"] for link in error["errorChain"])]
            ours = [one for one in chain if one.startswith("intermodal.")]  # else the innermost
            return re.sub(r"^[\w.]+: ", "", str((ours or chain[-1:])[0]).strip())  # without the class's name
    return ""


def _ask(url: str, query: str, variables: Mapping[str, Any], seconds: float = 30) -> dict[str, Any]:
    try:
        answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=seconds)
        answer.raise_for_status()
        return dict(answer.json()["data"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise Unavailable(
            f"Dagster does not answer at {without_passwords(url)}: {error}.", hint="Start it, or correct the URL."
        ) from error


def _client(url: str) -> DagsterGraphQLClient:
    from dagster_graphql import DagsterGraphQLClient

    parts = urlsplit(url)
    return DagsterGraphQLClient(str(parts.hostname), port_number=parts.port or None, use_https=parts.scheme == "https")
