"""Prometheus, Alertmanager and Pushgateway on this machine, where they are installed; all else works without them.

They run the configuration of ``deploy/``, with the sandbox's addresses and shorter intervals.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intermodal.platform.targets import Site
from intermodal.sandbox import clouds
from intermodal.sandbox.local import scrape
from intermodal.sandbox.local.project import package_data
from intermodal.sandbox.service import Service
from intermodal.sandbox.settings import Settings

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "pushgateway": ("pushgateway", "prometheus-pushgateway"),
}
"""Names on the PATH: upstream's, then Debian's."""
SCRAPE_SECONDS = 2


def program(name: str) -> str:
    """The path of an installed program; empty when there is none."""
    return next((path for wanted in PROGRAMS[name] if (path := shutil.which(wanted))), "")


def missing(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Those that are neither installed nor configured."""
    return [name for name in PROGRAMS if not program(name) and not _of_the_user(name, settings, environ)]


def variables(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """``INTERMODAL_PROMETHEUS_URL`` and ``INTERMODAL_PUSHGATEWAY_URL``: the user's own, else the sandbox's, else ''."""
    found = {}
    for name in ("prometheus", "pushgateway"):
        ours = _url(settings, name) if program(name) else ""
        found[_variable(name)] = environ.get(_variable(name)) or ours
    return found


def services(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Service]:
    """Those that are installed; where the environment names the user's own, that one is not started."""
    return [
        Service(name, getattr(settings.ports, name), _command(settings, name), f"{_url(settings, name)}/-/ready")
        for name in PROGRAMS
        if program(name) and not _of_the_user(name, settings, environ)
    ]


def prepare(settings: Settings) -> None:
    """Folders, those that Prometheus will watch among them, and its configuration."""
    import yaml

    for folder in (
        *(settings.home / name for name in PROGRAMS),
        *(_servers(settings, site) for site in settings.sites),
    ):
        folder.mkdir(parents=True, exist_ok=True)
    config = prometheus_config(settings)
    (settings.home / "prometheus" / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")


def forget_servers(settings: Settings) -> None:
    """Remove the scrape targets that sites which do not run left behind; a site that is killed cannot."""
    from intermodal.sandbox.processes import Programs

    programs = Programs(settings.home)
    for site in settings.sites:
        if not programs.running(clouds.program(site)):
            shutil.rmtree(_servers(settings, site), ignore_errors=True)


def prometheus_config(settings: Settings) -> dict[str, Any]:
    """deploy/prometheus/prometheus.yml for this machine: its own ports, and a scrape every two seconds."""
    import yaml

    ports, folder = settings.ports, package_data("deploy") / "prometheus"
    config: dict[str, Any] = yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))
    config["global"] = dict.fromkeys(config["global"], f"{SCRAPE_SECONDS}s")
    config["rule_files"] = [str(folder / name) for name in config["rule_files"]]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["gateway"]["static_configs"] = [{"targets": [f"127.0.0.1:{ports.gateway_admin}"]}]
    jobs["pushgateway"]["static_configs"] = [{"targets": [f"127.0.0.1:{ports.pushgateway}"]}]
    files = [str(_servers(settings, site) / "*.json") for site in settings.sites]
    jobs["servers"]["file_sd_configs"] = [{"files": files, "refresh_interval": "5s"}]
    config["scrape_configs"] = list(jobs.values())
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}]
    return config


def _command(settings: Settings, name: str) -> list[str]:
    data, address = settings.home / name, f"127.0.0.1:{getattr(settings.ports, name)}"
    command = [program(name), f"--web.listen-address={address}", "--log.level=warn"]
    match name:
        case "prometheus":
            command += [f"--config.file={data / 'prometheus.yml'}", f"--storage.tsdb.path={data / 'data'}"]
            command += ["--storage.tsdb.retention.time=7d", "--storage.tsdb.retention.size=512MB"]
        case "alertmanager":
            config = package_data("deploy") / "alertmanager" / "alertmanager.yml"
            command += [f"--config.file={config}", f"--storage.path={data}"]
            command += ["--cluster.listen-address="]  # alone, without peers
        case "pushgateway":
            command += [f"--persistence.file={data / 'gauges'}", "--persistence.interval=1m"]
    return command


def _servers(settings: Settings, site: Site) -> Path:
    return settings.folder(site) / scrape.FOLDER


def _url(settings: Settings, name: str) -> str:
    return f"http://127.0.0.1:{getattr(settings.ports, name)}"


def _variable(name: str) -> str:
    return f"INTERMODAL_{name.upper()}_URL"


def _of_the_user(name: str, settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether the environment names another than the sandbox's own, which its commands find there too.

    Who has a Prometheus has its Alertmanager.
    """
    name = "prometheus" if name == "alertmanager" else name
    return environ.get(_variable(name), "") not in ("", _url(settings, name))
