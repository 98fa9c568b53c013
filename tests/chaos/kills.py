"""Kills without warning: the Dagster daemon, the process of a run, or both."""

import time
from typing import Literal, get_args

import psutil

from intermodal.sandbox.local import services
from intermodal.sandbox.processes import Programs
from tests.chaos import runs
from tests.chaos.scene import MODEL, Scene

Victim = Literal["daemon", "run", "both"]
VICTIMS: tuple[Victim, ...] = get_args(Victim)
LATEST_SECONDS = 25.0
RUN_SECONDS = 5.0
"""A run lives for about five seconds from its process's start, most of which is importing."""


def strike(scene: Scene, victim: Victim, job: str) -> str:
    """Wait for a random moment, kill, and start what a service manager would start again; what was done, in words."""
    began = time.monotonic()
    if victim == "daemon":
        time.sleep(scene.dice.uniform(0, LATEST_SECONDS))
        done = [_kill(runs.daemon(scene.settings), "daemon")]
    else:
        wait = scene.dice.uniform(0, RUN_SECONDS)
        done = [_kill_run(scene, f"{job}_{MODEL}", wait)]
        if victim == "both":
            done.append(_kill(runs.daemon(scene.settings), "daemon"))
    killed = time.monotonic() - began
    if victim != "run":
        restart(scene)
    return f"{killed:.1f} s: {', '.join(done)}"


def _kill_run(scene: Scene, job: str, wait: float) -> str:
    def process() -> psutil.Process | None:
        return next(
            (found for run in runs.unfinished(scene, job) if (found := runs.process_of(scene, run.run_id))), None
        )

    if not runs.until(process, 120):
        return "no run came"
    time.sleep(wait)
    return _kill(process(), f"run after {wait:.1f} s")


def _kill(process: psutil.Process | None, name: str) -> str:
    if process is None:
        return f"{name} had ended"
    process.kill()
    return name


def restart(scene: Scene) -> None:
    """``dagster dev`` ends when its daemon does; then it is started again, as ``intermodal up`` does."""
    programs = Programs(scene.settings.home)
    runs.until(lambda: not programs.running("ui"), 60)
    ui = next(service for service in services.services(scene.settings) if service.name == "ui")
    services.start(scene.settings, ui, scene.environ)
    services.wait(scene.settings, ui)
