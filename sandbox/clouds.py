"""The sites of the sandbox, from the outside: up, down, an outage, a restore, faults on request.

A ``scope`` is a cloud (all its sites), a site (``aws@default``, ``aws@eu-west-1``) or a target (``aws/sagemaker``).
"""

import importlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from intermodal.platform.catalogue import CLOUDS_VARIABLE
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.targets import Site
from intermodal.sandbox.faults import FAULTS_PATH, READY_PATH, RECORDS_PATH, Faults
from intermodal.sandbox.settings import (
    CLUSTER,
    CLUSTERS,
    CLUSTERS_VARIABLE,
    IMAGES_VARIABLE,
    SERVICE_ACCOUNT,
    SITES_VARIABLE,
    Settings,
    port_variable,
    regional,
    require_free,
)
from intermodal.sandbox.undo import ended_on_failure

if TYPE_CHECKING:
    import httpx

    from intermodal.sandbox.processes import Programs

START_SECONDS = 60
PACKAGED = re.compile(r"INTERMODAL_[A-Z]+_IMAGE(_|$)")
"""Variables that name the packaged server, so that no image is built."""
START_HINT = "Start it: intermodal sandbox up."


def program(site: Site) -> str:
    return f"cloud-{site}"


def variables(settings: Settings, sites: Iterable[Site] | None = None) -> dict[str, str]:
    """The addresses and credentials with which the official clients reach these sites (None: all), as environment
    variables.

    Identities and certificates are made on the first call and kept in the home.
    """
    found: dict[str, str] = {}
    for site in settings.sites if sites is None else sites:
        identity = importlib.import_module(f"intermodal.sandbox.{site.cloud}.identity")
        found |= identity.variables(settings, site)
        if settings.clusters:
            found |= cluster_variables(site)
    return {name: value for name, value in found.items() if not (settings.images and PACKAGED.match(name))}


def cluster_variables(site: Site) -> dict[str, str]:
    """Settings of the target in the site's cluster (``sandbox.kubernetes.hosted``)."""
    prefix = f"INTERMODAL_{site.cloud.upper()}_{CLUSTERS[site.cloud].upper()}"
    own = {f"{prefix}_CLUSTER": CLUSTER, f"{prefix}_GATEWAY_CIDRS": "127.0.0.0/8"}
    shared = {} if site.region else {f"{prefix}_SERVICE_ACCOUNT": SERVICE_ACCOUNT}
    return shared | {regional(name, site): value for name, value in own.items()}


def up(settings: Settings, sites: Iterable[Site] | None = None) -> None:
    """Start what does not run and wait until each site answers. Raises with the end of the log, and then ends what it
    started."""
    chosen = settings.sites if sites is None else tuple(sites)
    with ended_on_failure(_programs(settings).stop) as started:
        start(settings, chosen, os.environ | variables(settings, chosen), started)
        for site in chosen:
            wait(settings, site)


def start(settings: Settings, sites: Iterable[Site], environ: Mapping[str, str], started: list[str]) -> None:
    """Start what does not run; ``started`` gets its names."""
    programs = _programs(settings)
    environ = {**environ, **_own_variables(settings)}
    for site in sites:
        if not programs.running(program(site)):
            programs.stop(program(site))
            require_free(str(site), settings.port(site))
            started.append(program(site))
            programs.start(program(site), [sys.executable, "-m", "intermodal.sandbox.cloud", str(site)], environ)


def _own_variables(settings: Settings) -> dict[str, str]:
    """What makes ``Settings.read`` in a site's process the same settings."""
    ports = {port_variable(name): str(port) for name, port in asdict(settings.ports).items()}
    ports |= {port_variable(str(site)): str(port) for site, port in settings.region_ports.items()}
    return {
        **ports,
        "INTERMODAL_HOME": str(settings.home),
        SITES_VARIABLE: ",".join(map(str, settings.sites)),
        IMAGES_VARIABLE: "1" if settings.images else "",
        CLUSTERS_VARIABLE: "1" if settings.clusters else "",
        CLOUDS_VARIABLE: ",".join((*settings.clouds, *settings.other_clouds)),
    }


def wait(settings: Settings, site: Site) -> None:
    _programs(settings).wait(program(site), partial(answers, settings, site), START_SECONDS)


def down(settings: Settings, sites: Iterable[Site] | None = None) -> None:
    for site in settings.sites if sites is None else sites:
        _programs(settings).stop(program(site))


def outage(settings: Settings, scope: str) -> None:
    """Kill sites whole, without warning: API, storage and endpoints together. Of a target, its API and its endpoints
    answer 503 from now on, and everything else at its site goes on."""
    sites, kind = settings.select(scope)
    programs = _programs(settings)
    running = [site for site in sites if programs.running(program(site))]
    if not running:
        raise IntermodalError(f"{scope} does not run here.", hint=START_HINT)
    for site in running:
        if kind:
            _put(settings, site, Faults(error_rate=1, target=kind))
        else:
            programs.stop(program(site), kill=True)


def restore(settings: Settings, scope: str) -> None:
    """Bring sites back with what they had: stored objects, endpoints and their processes. A target's faults end."""
    sites, kind = settings.select(scope)
    if kind:
        inject(settings, scope, Faults())
    else:
        up(settings, sites)


def answers(settings: Settings, site: Site) -> bool:
    try:
        return _call(settings, site, "GET", READY_PATH).status_code == 200
    except Unavailable:
        return False


def inject(settings: Settings, scope: str, faults: Faults) -> None:
    """Make sites, or the target that ``scope`` names, misbehave until ``Faults()`` ends it."""
    sites, kind = settings.select(scope)
    for site in sites:
        _put(settings, site, replace(faults, target=kind) if faults != Faults() else faults)


def _put(settings: Settings, site: Site, faults: Faults) -> None:
    _call(settings, site, "PUT", FAULTS_PATH, faults.to_dict()).raise_for_status()


def change(settings: Settings, site: Site, table: str, key: str, changes: Mapping[str, object]) -> None:
    """Change what the site remembers of one resource, as its cloud would by itself (a JSON merge patch)."""
    body = {"table": table, "key": key, "changes": changes}
    _call(settings, site, "PATCH", RECORDS_PATH, body).raise_for_status()


def faults_of(settings: Settings, site: Site) -> Faults:
    return Faults.from_dict(_call(settings, site, "GET", FAULTS_PATH).json())


def _call(settings: Settings, site: Site, verb: str, path: str, body: object = None) -> "httpx.Response":
    """Unavailable when the site does not answer."""
    import httpx

    scheme = "https" if site.cloud == "azure" else "http"
    verify = str(settings.folder(site) / "ca.pem") if site.cloud == "azure" else True
    url = f"{scheme}://127.0.0.1:{settings.port(site)}{path}"
    try:
        with httpx.Client(verify=verify, timeout=5, trust_env=False) as client:
            return client.request(verb, url, json=body)
    except httpx.TransportError as error:
        raise Unavailable(f"{site} does not run here.", hint=START_HINT) from error


def _programs(settings: Settings) -> "Programs":
    from intermodal.sandbox.processes import Programs

    return Programs(settings.home)
