"""``make up``: from nothing to a model that answers on three clouds; run again, it changes nothing."""

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from intermodal.platform.clouds import CLOUDS
from intermodal.sandbox import clouds, monitoring, runs, services
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import Settings

DEMO = "flight_delay"
DEMO_MONTHS = {"dagster/asset_partition_range_start": "2013-01-01", "dagster/asset_partition_range_end": "2013-04-01"}
"""January to March to train on, April held out."""


class Phases:
    """Seconds by phase, kept in ``up.json`` for people and the benchmark."""

    def __init__(self) -> None:
        self.started, self.seconds = time.monotonic(), dict[str, float]()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 2)

    def save(self, settings: Settings) -> None:
        self.seconds["total"] = round(time.monotonic() - self.started, 2)
        (settings.home / "up.json").write_text(json.dumps(self.seconds, indent=1), encoding="utf-8")


def start(settings: Settings, say: Callable[[str], None], phases: Phases) -> None:
    """Start the clouds, MLflow, the gateway, Dagster and what watches them side by side, and wait for each."""
    from intermodal.resources.gateway import write_bootstrap

    environ = os.environ | services.variables(settings)
    # Heavy starters first: they import while the rest is prepared.
    with phases.phase("prepare"):
        (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
        mlflow, gateway, ui = services.services(settings)
        services.start(settings, mlflow, environ)
        monitoring.forget_servers(settings)
        clouds.start(settings, CLOUDS, environ)
        write_bootstrap(settings.home / "gateway", settings.ports.gateway, settings.ports.gateway_admin)
        services.start(settings, gateway, environ)
        services.prepare(settings)
        services.start(settings, ui, environ)
        monitoring.prepare(settings)
        watching = monitoring.services(settings)
        for service in watching:
            services.start(settings, service, environ)
    if absent := monitoring.missing(settings):
        say(f"{', '.join(absent)}: not installed here; the rest works without (Debian: apt-get install prometheus ...)")
    with phases.phase("start"), ThreadPoolExecutor() as pool:
        waits = [
            (service.name, pool.submit(services.wait, settings, service))
            for service in (mlflow, gateway, ui, *watching)
        ]
        waits += [(cloud, pool.submit(clouds.wait, settings, cloud)) for cloud in CLOUDS]
        for name, done in waits:
            done.result()
            say(f"{name} is up")


def train_and_deploy(settings: Settings, say: Callable[[str], None], phases: Phases) -> None:
    """One real run of ``train_and_deploy_flight_delay``, as somebody would launch it in the UI."""
    with phases.phase("run"):
        run = runs.launch(settings, f"train_and_deploy_{DEMO}", DEMO_MONTHS)
        say(f"run {run[:8]} of train_and_deploy_{DEMO}: http://127.0.0.1:{settings.ports.ui}/runs/{run}")
        runs.follow(settings, run, say)


def down(settings: Settings) -> list[str]:
    """Stop everything, the front of traffic first; what was stopped."""
    programs = Programs(settings.home)
    stopped = [name for name in programs.names() if programs.running(name)]
    programs.stop("gateway")
    with ThreadPoolExecutor() as pool:
        list(pool.map(programs.stop, programs.names()))
    monitoring.forget_servers(settings)
    return stopped
