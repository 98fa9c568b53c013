"""``intermodal up``: from nothing to a model that answers on every site; run again, it changes nothing."""

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg
from filelock import BaseFileLock, FileLock

from intermodal.platform.errors import IntermodalError
from intermodal.platform.spec.partitions import Partitions
from intermodal.platform.training.windows import first_range
from intermodal.sandbox import clouds
from intermodal.sandbox.local import monitoring, runs, services
from intermodal.sandbox.local.project import Project
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import Settings
from intermodal.sandbox.undo import ended_on_failure

DEMO = "flight_delay"
"""The model that the demo is about, and that is trained first where there are others too."""


class Phases:
    """Seconds by phase, and by what was waited for in it, kept in ``up.json`` for people and the benchmark."""

    def __init__(self) -> None:
        self.started, self.seconds = time.monotonic(), dict[str, float]()
        self.waits: dict[str, dict[str, float]] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self.waits[name] = {}
        yield
        self.seconds[name] = round(time.monotonic() - began, 2)

    @contextmanager
    def wait(self, phase: str, name: str) -> Iterator[None]:
        """A program or step that the phase waits for; several may be waited for side by side."""
        began = time.monotonic()
        yield
        self.waits[phase][name] = round(time.monotonic() - began, 2)

    def save(self, settings: Settings) -> None:
        self.seconds["total"] = round(time.monotonic() - self.started, 2)
        measured = {"seconds": self.seconds, "waits": self.waits}
        (settings.home / "up.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")


def start(settings: Settings, project: Project, say: Callable[[str], None], phases: Phases) -> None:
    """Start the sites, MLflow, the gateway, Dagster with the project's definitions and what watches them side by side,
    and wait for each. When that fails, what this call started is ended, and what ran before it goes on."""
    with ended_on_failure(Programs(settings.home).stop) as started:
        _start(settings, project, say, phases, started)


def _start(
    settings: Settings, project: Project, say: Callable[[str], None], phases: Phases, started: list[str]
) -> None:
    from intermodal.resources.envoy.gateway import write_bootstrap
    from intermodal.resources.signing import write_key

    wait = phases.wait
    _install_azurite(settings, say)
    # Heavy starters first: they import while the rest is prepared. Who stops everything ends before or begins after.
    with stopping(settings), phases.phase("prepare"):
        with wait("prepare", "identities and certificates of the sites"):
            environ = os.environ | services.variables(settings)
        (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
        mlflow, gateway, ui = services.services(settings, project)
        with wait("prepare", "starting MLflow, the sites and the gateway"):
            started += services.start(settings, mlflow, environ, project.root)
            monitoring.forget_servers(settings)
            clouds.start(settings, settings.sites, environ, started)
            headers, prefixes = services.client_headers()
            write_bootstrap(
                settings.home / "gateway",
                settings.ports.gateway,
                settings.ports.gateway_admin,
                reserved_headers=headers,
                reserved_prefixes=prefixes,
            )
            started += services.start(settings, gateway, environ, project.root)
        with wait("prepare", "DAGSTER_HOME: its databases"):
            services.prepare(settings, project)
            write_key(settings.home / services.SIGNING_KEY)
        with wait("prepare", "starting Dagster and what watches"):
            started += services.start(settings, ui, environ, project.root)
            monitoring.prepare(settings)
            watching = monitoring.services(settings)
            for service in watching:
                started += services.start(settings, service, environ, project.root)
    if absent := monitoring.missing(settings):
        say(f"{', '.join(absent)}: not installed here; the rest works without (Debian: apt-get install prometheus ...)")
    with phases.phase("start"), ThreadPoolExecutor() as pool:

        def until(name: str, ready: Callable[[], None]) -> None:
            with wait("start", name):
                ready()

        programs: dict[str, Callable[[], None]] = {
            **{each.name: partial(services.wait, settings, each) for each in (mlflow, gateway, ui, *watching)},
            **{str(site): partial(clouds.wait, settings, site) for site in settings.sites},
        }
        for name, done in [(name, pool.submit(until, name, ready)) for name, ready in programs.items()]:
            done.result()
            say(f"{name} is up")


def first_model(settings: Settings, served: Collection[str]) -> str:
    """The model that ``up`` trains and deploys: flight_delay, else the first by name that is served already, else the
    first by name; empty when the project has none. IntermodalError when its definitions do not load."""
    found = runs.models(settings)
    return DEMO if DEMO in found else next((model for model in found if model in served), next(iter(found), ""))


def train_and_deploy(settings: Settings, model: str, say: Callable[[str], None], phases: Phases) -> None:
    """One real run of ``train_and_deploy_<model>``, as a person would launch it in the UI."""
    _run(settings, f"train_and_deploy_{model}", first_partitions(settings, runs.spec(settings, model)), say, phases)


def first_partitions(settings: Settings, spec: Mapping[str, Any]) -> dict[str, str]:
    """The run's tags for the first partitions of a spec: a window to train on, and the one held out. IntermodalError
    when too few keys were added to dynamic ones."""
    partitions, count = Partitions.model_validate(spec["data"]["partitions"]), int(spec["train"]["window"]) + 1
    added = list[str]()
    if partitions.dynamic:
        with dg.DagsterInstance.from_config(str(settings.home / "dagster")) as instance:
            added.extend(instance.get_dynamic_partitions(spec["name"]))
    found = first_range(partitions, count, added)
    if found is None:
        raise IntermodalError(
            f"{spec['name']} has {len(added)} dynamic partitions, and training needs {count}.",
            hint=f"Add them at http://127.0.0.1:{settings.ports.ui}/assets/{spec['name']}/dataset (Materialize, Add "
            f"partition), then materialize train_and_deploy_{spec['name']} for them.",
        )
    return {"dagster/asset_partition_range_start": found[0], "dagster/asset_partition_range_end": found[1]}


def deploy(settings: Settings, model: str, say: Callable[[str], None], phases: Phases) -> None:
    """What is the champion already, wherever it does not serve."""
    _run(settings, f"deploy_{model}", {}, say, phases)


def _install_azurite(settings: Settings, say: Callable[[str], None]) -> None:
    """The Blob emulator comes from npm, not with the wheel. ``make setup`` installs it in a checkout."""
    from intermodal.sandbox.azure import azurite

    if "azure" in settings.clouds and not azurite.installed():
        say("installing azurite, once ...")
        azurite.install()


def _run(settings: Settings, job: str, tags: dict[str, str], say: Callable[[str], None], phases: Phases) -> None:
    with phases.phase("run"):
        with phases.wait("run", "the launch, through the webserver"):
            run = runs.launch(settings, job, tags)
        say(f"run {run[:8]} of {job}: http://127.0.0.1:{settings.ports.ui}/runs/{run}")
        taken = runs.follow(settings, run, say)
        phases.waits["run"] |= {name: round(seconds, 2) for name, seconds in taken.items()}


def down(settings: Settings) -> list[str]:
    """Stop everything, the front of traffic first; what was stopped. Who starts meanwhile waits for it to end."""
    if not settings.home.is_dir():
        return []
    with stopping(settings):
        programs = Programs(settings.home)
        stopped = [name for name in programs.names() if programs.running(name)]
        programs.stop("gateway")
        with ThreadPoolExecutor() as pool:
            list(pool.map(programs.stop, programs.names()))
        monitoring.forget_servers(settings)
        return stopped


def stopping(settings: Settings) -> BaseFileLock:
    return FileLock(settings.home / "down.lock")
