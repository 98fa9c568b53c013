"""The rest of Intermodal on this machine: MLflow, the gateway, and Dagster's webserver and daemon."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from intermodal.platform import catalogue
from intermodal.platform.targets import Site
from intermodal.sandbox import clouds
from intermodal.sandbox.local import monitoring
from intermodal.sandbox.local.project import Project
from intermodal.sandbox.service import Service
from intermodal.sandbox.settings import Settings, require_free

SIGNING_KEY = "signing.pem"
"""The sandbox's own key, below its home."""
SCRIPTS = Path(sys.executable).parent


def variables(settings: Settings) -> dict[str, str]:
    """Everything that adapters and Dagster read from the environment, the sites' addresses and keys included."""
    home, ports = settings.home, settings.ports
    return {
        **clouds.variables(settings),
        catalogue.CLOUDS_VARIABLE: ",".join((*settings.clouds, *settings.other_clouds)),
        **monitoring.variables(settings),
        "INTERMODAL_HOME": str(home),
        "INTERMODAL_ENV": "sandbox",
        "INTERMODAL_MLFLOW_URL": f"http://127.0.0.1:{ports.mlflow}",
        "INTERMODAL_UI_URL": f"http://127.0.0.1:{ports.ui}",
        "INTERMODAL_GATEWAY_URL": f"http://127.0.0.1:{ports.gateway}",
        "INTERMODAL_GATEWAY_ADMIN_URL": f"http://127.0.0.1:{ports.gateway_admin}",
        "INTERMODAL_GATEWAY_DIRECTORY": str(home / "gateway"),
        **_ca_bundle(settings),
        "INTERMODAL_TABLES": str(home / "tables"),
        "INTERMODAL_CHARGES": str(home / "charges"),
        "INTERMODAL_INCIDENTS": str(home / "incidents"),
        "INTERMODAL_SIGNING_KEY": str(home / SIGNING_KEY),
        "INTERMODAL_MONITOR_DELAY_SECONDS": "0",  # figures that take minutes in a real cloud are there at once
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "true",
        # Postgres, or any database that MLflow knows, by its address (which may hold a password); a file otherwise.
        "MLFLOW_BACKEND_STORE_URI": os.environ.get(
            "INTERMODAL_MLFLOW_BACKEND", f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
        ),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "DO_NOT_TRACK": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _ca_bundle(settings: Settings) -> dict[str, str]:
    """What the gateway checks https endpoints against. Only Azure's are https here."""
    azure = Site("azure")
    if azure not in settings.sites:
        return {}
    return {"INTERMODAL_GATEWAY_CA_BUNDLE": str(settings.folder(azure) / "ca.pem")}


def client_headers() -> tuple[Sequence[str], Sequence[str]]:
    """Request headers that steer the enabled targets' own platforms, by name and by prefix (``x-amz*``): the gateway
    removes them from what clients send."""
    found = sorted(
        {name for target in catalogue.enabled_targets() for name in catalogue.target_adapter(target).reserved_headers}
    )
    prefixes = [name.removesuffix("*") for name in found if name.endswith("*")]
    return [name for name in found if not name.endswith("*")], prefixes


def services(settings: Settings, project: Project | None = None) -> list[Service]:
    """MLflow, the gateway, and Dagster with the definitions of ``project`` (default: that of the working folder)."""
    project = project or Project.find(Path.cwd())
    home, ports = settings.home, settings.ports
    return [
        Service(
            "mlflow",
            ports.mlflow,
            [
                *(str(SCRIPTS / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(ports.mlflow)),
                *("--workers", "1"),
                *("--artifacts-destination", str(home / "mlflow" / "artifacts")),
            ],
            f"http://127.0.0.1:{ports.mlflow}/health",
        ),
        Service(
            "gateway",
            ports.gateway,
            [
                *(str(SCRIPTS / "envoy"), "-c", str(home / "gateway" / "bootstrap.json")),
                *("--disable-hot-restart", "--log-level", "warning", "--concurrency", "1"),
            ],
            f"http://127.0.0.1:{ports.gateway_admin}/ready",
        ),
        Service(
            "ui",
            ports.ui,
            [
                *(str(SCRIPTS / "dagster"), "dev", "-w", str(project.write_workspace(home))),
                *("-h", "127.0.0.1", "-p", str(ports.ui), "--log-level", "warning"),
            ],
            f"http://127.0.0.1:{ports.ui}/server_info",
        ),
    ]


def prepare(settings: Settings, project: Project) -> None:
    """Folders, and a DAGSTER_HOME that is initialised once: two processes that do it at the same time can break it."""
    (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
    dagster_home = settings.home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(project.dagster_yaml(), dagster_home / "dagster.yaml")
    if (dagster_home / "history").exists():
        return
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.get_runs_count()
        instance.get_asset_keys()
        instance.all_instigator_state()


def start(settings: Settings, service: Service, environ: Mapping[str, str], folder: Path | None = None) -> list[str]:
    """Start a program in ``folder`` (default: the working folder) unless it runs. Returns its name if it started."""
    from intermodal.sandbox.processes import Programs

    programs = Programs(settings.home)
    if programs.running(service.name):
        return []
    programs.stop(service.name)
    require_free(service.name, service.port)
    programs.start(service.name, service.command, environ, folder=folder or Path.cwd())
    return [service.name]


def wait(settings: Settings, service: Service) -> None:
    from intermodal.sandbox.processes import Programs

    Programs(settings.home).wait(service.name, lambda: _answers(service.ready), service.seconds)


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
