"""Runs, asked for through Dagster's webserver as the UI does, from wherever that can be reached."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import httpx
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

from intermodal.platform.errors import IntermodalError, Unavailable

LOCATION = "intermodal.definitions"
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
PATIENCE = 60.0
"""Seconds that a launch waits for a webserver that is starting or still loads the definitions."""

LATEST = """query Latest($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } ... on TextMetadataEntry { text }
    ... on BoolMetadataEntry { boolValue } ... on MarkdownMetadataEntry { mdStr } } } } } }"""


def launch(url: str, job: str, tags: Mapping[str, str] | None = None, config: Mapping[str, Any] | None = None) -> str:
    """Ask for a run of ``job`` at the webserver ``url``; the run's id."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _client(url).submit_job_execution(
                job, repository_location_name=LOCATION, tags=dict(tags or {}), run_config=dict(config or {})
            )
        except (DagsterGraphQLClientError, OSError) as error:
            if time.monotonic() > deadline:
                raise IntermodalError(
                    f"The run of {job} was not taken: {error}", hint=f"Does {url} answer, and have such a job?"
                ) from error
            time.sleep(0.5)


def wait(url: str, run_id: str, seconds: float = 600) -> None:
    """Block until the run ends; IntermodalError when it does not succeed."""
    deadline = time.monotonic() + seconds
    while (status := _client(url).get_run_status(run_id)) not in ENDED:
        if time.monotonic() > deadline:
            raise IntermodalError(f"Run {run_id} did not end within {seconds:.0f} s.", hint=f"See {url}/runs/{run_id}.")
        time.sleep(0.3)
    if status != dg.DagsterRunStatus.SUCCESS:
        raise IntermodalError(f"Run {run_id} ended as {status.value}.", hint=f"See {url}/runs/{run_id}.")


def metadata(url: str, key: Sequence[str]) -> dict[str, Any]:
    """Numbers, texts and markdown of an asset's newest materialization; empty when there is none."""
    try:
        answer = httpx.post(
            f"{url}/graphql", json={"query": LATEST, "variables": {"key": {"path": list(key)}}}, timeout=30
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"Dagster does not answer at {url}: {error}.", hint="Start it, or correct the URL."
        ) from error
    found = answer.json()["data"]["assetOrError"].get("assetMaterializations") or []
    values = ("intValue", "floatValue", "boolValue", "text", "mdStr")
    entries = found[0]["metadataEntries"] if found else []
    return {e["label"]: next((e[v] for v in values if e.get(v) is not None), None) for e in entries}


def _client(url: str) -> DagsterGraphQLClient:
    parts = urlsplit(url)
    return DagsterGraphQLClient(str(parts.hostname), port_number=parts.port or None, use_https=parts.scheme == "https")
