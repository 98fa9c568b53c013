"""Services that do not answer, as sentences. A dead service's last results look current, so it must be reported."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intermodal.resources.dagster_client import Location

BROKEN, BROKEN_GROUP = "intermodal/broken", "broken_models"
"""As in assets/broken.py, which is not imported: the package of assets takes seconds."""
SECONDS = 3.0
DAEMON_SECONDS = 120.0
"""Its heartbeat comes every 30 s; Dagster itself calls it unhealthy after half an hour."""


def troubles(gateway: str, ui: str, mlflow: str) -> list[str]:
    """A sentence for each service in trouble. An empty address is not called."""
    return list(_troubles(gateway, ui, mlflow))


def _troubles(gateway: str, ui: str, mlflow: str) -> Iterator[str]:
    from intermodal.resources import dagster_client

    if gateway and not _answers(gateway):
        yield "The gateway does not answer: no model can be called."
    if ui and not _answers(ui):
        yield "Dagster does not answer: nothing is watched, and no capacity is replaced. The sandbox: intermodal up."
    elif ui:
        yield from _definitions(ui, dagster_client.locations(ui))
    if mlflow and not _answers(mlflow):
        yield "MLflow does not answer: nothing can be trained or deployed. Deployed models still serve."


def _definitions(ui: str, locations: "Sequence[Location]") -> Iterator[str]:
    """What does not load, a sentence for each code location and each model, and whether the daemon lives."""
    from intermodal.platform.errors import Unavailable
    from intermodal.resources import dagster_client
    from intermodal.resources.storage.addresses import without_passwords

    if not any(location.jobs for location in locations):
        yield f"Dagster has not loaded the definitions: nothing is watched. See {without_passwords(ui)}/locations."
        return
    if silent := _silent(ui):
        yield silent
    for location in locations:
        if location.error:
            yield f"The code location {location.name} does not load. See {without_passwords(ui)}/locations."
    try:
        broken = dagster_client.group_metadata(ui, locations, BROKEN_GROUP, BROKEN)
    except Unavailable:
        yield "Dagster does not report whether every model loads."
        return
    yield from (f"{model} does not load. {reason}" for model, reason in broken.items())


def _silent(ui: str) -> str:
    """A sentence when the daemon has no fresh heartbeat, else ''."""
    from intermodal.platform.errors import Unavailable
    from intermodal.resources import dagster_client

    try:
        heard_at = dagster_client.heard_of(ui)
    except Unavailable:  # it answered a moment ago
        return "Dagster does not report whether its daemon lives."
    if heard_at is not None and time.time() - heard_at <= DAEMON_SECONDS:
        return ""
    since = "since it was installed" if heard_at is None else f"for {(time.time() - heard_at) / 60:.0f} min"
    return f"Dagster's daemon has not been heard of {since}: nothing is watched. Start it (dagster-daemon run)."


def _answers(address: str) -> bool:
    """With whatever status."""
    import httpx

    from intermodal.resources.storage.addresses import without_passwords

    try:
        # Certificates are not verified, so the password in the address is not sent.
        httpx.get(without_passwords(address), timeout=SECONDS, verify=False)
    except (httpx.TransportError, httpx.InvalidURL):
        return False
    return True
