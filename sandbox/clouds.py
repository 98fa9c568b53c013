"""The three clouds of the sandbox, from the outside: up, down, an outage, a restore, faults on request."""

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial

import httpx

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.targets import CLOUDS, Cloud
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.front import FAULTS_PATH, READY_PATH
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import Settings, port_variable, require_free

START_SECONDS = 60


def program(cloud: Cloud) -> str:
    return f"cloud-{cloud}"


def variables(settings: Settings, clouds: Iterable[Cloud] = CLOUDS) -> dict[str, str]:
    """The addresses and credentials with which the official clients reach the sandbox, as environment variables.

    Identities and certificates are made on the first call and kept in the home.
    """
    found: dict[str, str] = {}
    for cloud in clouds:
        identity = importlib.import_module(f"intermodal.sandbox.{cloud}.identity")
        found |= identity.variables(settings)
    return found


def up(settings: Settings, clouds: Iterable[Cloud] = CLOUDS) -> None:
    """Start what does not run and wait until each cloud answers. Raises with the end of the log."""
    chosen = list(clouds)
    start(settings, chosen, os.environ | variables(settings, chosen))
    for cloud in chosen:
        wait(settings, cloud)


def start(settings: Settings, clouds: Iterable[Cloud], environ: Mapping[str, str]) -> None:
    programs = Programs(settings.home)
    ports = {port_variable(name): str(port) for name, port in asdict(settings.ports).items()}
    environ = {**environ, **ports, "INTERMODAL_HOME": str(settings.home)}
    for cloud in clouds:
        if not programs.running(program(cloud)):
            programs.stop(program(cloud))
            require_free(cloud, getattr(settings.ports, cloud))
            programs.start(program(cloud), [sys.executable, "-m", "intermodal.sandbox.cloud", cloud], environ)


def wait(settings: Settings, cloud: Cloud) -> None:
    Programs(settings.home).wait(program(cloud), partial(answers, settings, cloud), START_SECONDS)


def down(settings: Settings, clouds: Iterable[Cloud] = CLOUDS) -> None:
    for cloud in clouds:
        Programs(settings.home).stop(program(cloud))


def outage(settings: Settings, cloud: Cloud) -> None:
    """Kill the cloud whole, without warning: API, storage and endpoints together."""
    if not Programs(settings.home).running(program(cloud)):
        raise IntermodalError(f"{cloud} does not run here.", hint="Start it: intermodal sandbox up.")
    Programs(settings.home).stop(program(cloud), kill=True)


def restore(settings: Settings, cloud: Cloud) -> None:
    """Bring the cloud back with what it had: stored objects, endpoints and their processes."""
    up(settings, [cloud])


def answers(settings: Settings, cloud: Cloud) -> bool:
    try:
        return _call(settings, cloud, "GET", READY_PATH).status_code == 200
    except httpx.TransportError:
        return False


def inject(settings: Settings, cloud: Cloud, faults: Faults) -> None:
    """Make the cloud misbehave until told otherwise (``Faults()`` ends it)."""
    try:
        _call(settings, cloud, "PUT", FAULTS_PATH, faults.to_dict()).raise_for_status()
    except httpx.TransportError as error:
        raise Unavailable(f"{cloud} does not run here.", hint="Start it: intermodal sandbox up.") from error


def faults_of(settings: Settings, cloud: Cloud) -> Faults:
    return Faults.from_dict(_call(settings, cloud, "GET", FAULTS_PATH).json())


def _call(settings: Settings, cloud: Cloud, verb: str, path: str, body: object = None) -> httpx.Response:
    scheme = "https" if cloud == "azure" else "http"
    verify = str(settings.home / "sandbox" / "azure" / "ca.pem") if cloud == "azure" else True
    url = f"{scheme}://127.0.0.1:{getattr(settings.ports, cloud)}{path}"
    with httpx.Client(verify=verify, timeout=5, trust_env=False) as client:
        return client.request(verb, url, json=body)
