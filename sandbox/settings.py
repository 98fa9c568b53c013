"""Where the sandbox lives, which sites it runs and on which ports they listen: read from the environment, with defaults
for one machine."""

import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from intermodal.platform.catalogue import CLOUDS_VARIABLE, names
from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.targets import Cloud, Site, Target, parse_site, parse_target

EMULATED: Mapping[Cloud, tuple[str, ...]] = {
    "aws": ("sagemaker", "lambda"),
    "gcp": ("cloud-run",),
    "azure": ("ml", "functions"),
}
"""The clouds that the sandbox has, each a subpackage, with the kinds of targets that it serves on."""
MULTI_REGION = frozenset({"aws"})
"""Clouds that can run in several regions side by side."""
SITES_VARIABLE = "INTERMODAL_SANDBOX_SITES"
IMAGES_VARIABLE = "INTERMODAL_SANDBOX_IMAGES"
REGION_PORTS = range(4540, 4600)
"""Ports of named regions, unless ``INTERMODAL_<SITE>_PORT`` says otherwise."""
IMAGE = "intermodal/server"
"""The repository of the sandbox's one image, the packaged server of this checkout."""

REPOSITORIES = "intermodal"
"""What the names of models' repositories begin with."""


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1; each is changed by ``INTERMODAL_<NAME>_PORT``. A cloud's is that of its default
    region."""

    ui: int = 3000
    mlflow: int = 5050
    gateway: int = 8080
    gateway_admin: int = 9901
    aws: int = 4510
    gcp: int = 4520
    azure: int = 4530
    azure_blob: int = 4531
    prometheus: int = 9090
    alertmanager: int = 9093
    pushgateway: int = 9091


def port_variable(name: str) -> str:
    """``aws@eu-west-1``: ``INTERMODAL_AWS_EU_WEST_1_PORT``."""
    return f"INTERMODAL_{re.sub('[^A-Z0-9]+', '_', name.upper())}_PORT"


def regional(variable: str, site: Site) -> str:
    """The variable that a site's adapters read: ``AWS_ENDPOINT_URL`` ends in the region where one is named."""
    return f"{variable}_{site.region.upper().replace('-', '_')}" if site.region else variable


@dataclass(frozen=True)
class Settings:
    """``home`` holds everything that the sandbox writes; removing it while the sandbox is down forgets it all.

    ``sites`` are those that run here, ``region_ports`` the ports of those in named regions. ``other_clouds`` are
    enabled and not the sandbox's: a plug-in's, with the user's own settings. ``images``: each version's image is built
    and pulled; otherwise endpoints run the packaged server.
    """

    home: Path
    ports: Ports
    sites: tuple[Site, ...] = tuple(Site(cloud) for cloud in EMULATED)
    region_ports: Mapping[Site, int] = field(default_factory=dict)
    other_clouds: tuple[Cloud, ...] = ()
    images: bool = False

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """INTERMODAL_HOME (default ``.intermodal`` in the working folder), the ports, and the sites:
        INTERMODAL_SANDBOX_SITES names them (default: every cloud in its default region), INTERMODAL_CLOUDS restricts
        them to clouds."""
        home = Path(environ.get("INTERMODAL_HOME", ".intermodal")).resolve()
        chosen = {port.name: number for port in fields(Ports) if (number := _port(environ, port.name))}
        ports = Ports(**chosen)
        sites, others = _sites(environ)
        images = environ.get(IMAGES_VARIABLE, "") not in ("", "0")
        return cls(home, ports, sites, _region_ports(home, ports, sites, environ), others, images)

    @property
    def clouds(self) -> tuple[Cloud, ...]:
        return tuple(dict.fromkeys(site.cloud for site in self.sites))

    def port(self, site: Site) -> int:
        return self.region_ports[site] if site.region else int(getattr(self.ports, site.cloud))

    def folder(self, site: Site) -> Path:
        """What the site keeps."""
        return self.home / "sandbox" / str(site)

    def select(self, scope: str) -> tuple[tuple[Site, ...], str]:
        """The sites that a cloud, site or target names, and the target's kind (empty: the whole sites). SpecError lists
        what runs here."""
        target = parse_target(scope) if "/" in scope else None
        site = target.site if target else parse_site(scope)
        found = tuple(
            known for known in self.sites if known == site or (known.cloud == site.cloud and scope == site.cloud)
        )
        if not found:
            raise SpecError(f"No site '{scope}' runs in the sandbox.", hint=f"It runs: {self.named}.")
        if target and target.kind not in EMULATED[target.cloud]:
            known = ", ".join(str(Target(site.cloud, kind, site.region)) for kind in EMULATED[site.cloud])
            raise SpecError(f"The sandbox emulates no target '{scope}'.", hint=f"At {site} it emulates: {known}.")
        return found, target.kind if target else ""

    @property
    def named(self) -> str:
        """The sites, to be printed."""
        return ", ".join(str(site) for site in self.sites)


def _sites(environ: Mapping[str, str]) -> tuple[tuple[Site, ...], tuple[Cloud, ...]]:
    """The sites, and the enabled clouds that are not the sandbox's. A named region brings its cloud's default region
    along, whose settings it shares."""
    stated = [parse_site(text) for text in _list(environ, SITES_VARIABLE)] or [Site(cloud) for cloud in EMULATED]
    for site in stated:
        if site.cloud not in EMULATED:
            raise SpecError(
                f"{SITES_VARIABLE}: the sandbox does not emulate '{site}'.", hint=f"It emulates: {', '.join(EMULATED)}."
            )
        if site.region and site.cloud not in MULTI_REGION:
            hint = f"Clouds that can run in several regions here: {', '.join(MULTI_REGION)}."
            raise SpecError(f"{SITES_VARIABLE}: the sandbox runs {site.cloud} in one region, not in {site}.", hint=hint)
    enabled = _list(environ, CLOUDS_VARIABLE)
    others = tuple(cloud for cloud in enabled if cloud not in EMULATED)
    if others and (unknown := [cloud for cloud in others if cloud not in names("object_stores")]):
        hint = f"The sandbox emulates: {', '.join(EMULATED)}."
        raise SpecError(f"{CLOUDS_VARIABLE} names {', '.join(unknown)}, which no adapter provides.", hint=hint)
    used = [site for site in stated if not enabled or site.cloud in enabled]
    return tuple(dict.fromkeys(each for site in used for each in (Site(site.cloud), site))), others


def _list(environ: Mapping[str, str], variable: str) -> list[str]:
    return environ.get(variable, "").replace(",", " ").split()


def _port(environ: Mapping[str, str], name: str) -> int | None:
    """The port that the environment states; IntermodalError when it is none."""
    text = environ.get(port_variable(name))
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise IntermodalError(f"{port_variable(name)} is '{text}'.", hint="Set it to a port, 1 to 65535.")
    return int(text)


def _region_ports(home: Path, ports: Ports, sites: tuple[Site, ...], environ: Mapping[str, str]) -> Mapping[Site, int]:
    """Ports of the sites in named regions. One that is chosen here is kept in the home, for later commands."""
    found = {site: _port(environ, str(site)) for site in sites if site.region}
    return {site: port or _kept_port(home, ports, site) for site, port in found.items()}


def _kept_port(home: Path, ports: Ports, site: Site) -> int:
    from filelock import FileLock

    path = home / "sandbox" / "ports.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if str(site) not in kept:
            taken = {*kept.values(), *(getattr(ports, port.name) for port in fields(Ports))}
            free = next((port for port in REGION_PORTS if port not in taken and _is_free(port)), None)
            if free is None:
                hint = f"Set {port_variable(str(site))}."
                raise IntermodalError(f"No port of {REGION_PORTS.start} to {REGION_PORTS.stop - 1} is free.", hint=hint)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({**kept, str(site): free}, indent=1), encoding="utf-8")
            fresh.replace(path)
            return free
        return kept[str(site)]


def free_port() -> int:
    """A port that no program listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def require_free(name: str, port: int) -> None:
    """Raise an error that names the port and the setting when a program already listens on it."""
    if not _is_free(port):
        raise IntermodalError(
            f"Port {port}, which {name} needs, is taken by another program.",
            hint=f"Stop that program, or choose another port: {port_variable(name)}=<port>.",
        )
