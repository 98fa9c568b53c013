"""Drills that are killed, interrupted, started twice at once, or started during an incident."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial

from intermodal.platform.targets import Cloud
from intermodal.resources import dagster_client
from intermodal.sandbox import clouds
from tests.bench.installation import INTERMODAL
from tests.chaos import ends, runs
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.rounds import watched
from tests.chaos.scene import MODEL, Scene

SECONDS = 20
REFUSED = "An incident or another drill is active."


def drills(scene: Scene, _: int) -> Iterator[Row]:
    before = picture(scene)
    yield _interrupted(scene, before)
    yield _run_killed(scene, before)
    yield _two(scene, before)
    yield _while_down(scene, before)


def _run_killed(scene: Scene, before: Picture) -> Row:
    """The run's process is killed when the disturbance is on: the sensor ``drills`` ends it after its time."""
    since = time.time()
    with watched(scene, "drill of gcp", "run killed") as row:
        config = {"kind": "outage", "target": "gcp", "seconds": SECONDS}
        run = dagster_client.launch(
            _ui(scene), f"drill_{MODEL}", config={"ops": {f"{MODEL}__drill": {"config": config}}}
        )
        row.wrong += [] if runs.until(scene.gateway.disturbances, 60) else ["it never began"]
        process = runs.process_of(scene, run)
        if process is not None:
            process.kill()
        killed = time.monotonic()
        row.wrong += [] if scene.gateway.disturbances() else ["it was over before the kill"]
        row.wrong += [] if runs.until(lambda: not scene.gateway.disturbances(), 300) else ["the disturbance stays"]
        row.done = f"killed; the disturbance ended {time.monotonic() - killed:.0f} s later"
        _wait_for_end(scene, row, since, before, "gcp")
    return row.row()


def _interrupted(scene: Scene, before: Picture) -> Row:
    """Ctrl-C at ``intermodal drill``."""
    since = time.time()
    with watched(scene, "drill of aws", "Ctrl-C") as row:
        command = _begin(scene, "aws")
        row.wrong += [] if runs.until(scene.gateway.disturbances, 60) else ["it never began"]
        command.send_signal(signal.SIGINT)
        began = time.monotonic()
        # Well before its time is over, or nothing was interrupted.
        row.wrong += [] if runs.until(lambda: not scene.gateway.disturbances(), SECONDS / 2) else ["it goes on"]
        text = _end(command)
        row.done = f"disturbance ended {time.monotonic() - began:.1f} s after it; printed '{text.splitlines()[-1:]}'"
        _wait_for_end(scene, row, since, before, "aws")
    return row.row()


def _two(scene: Scene, before: Picture) -> Row:
    """Two at the same time: one continues, the other is refused with a reason."""
    since = time.time()
    with watched(scene, "drills of aws and gcp", "at once") as row:
        commands = [_begin(scene, "aws"), _begin(scene, "gcp")]
        texts = [_end(command) for command in commands]
        refused = [REFUSED in text for text in texts]
        row.done = f"refused: {sum(refused)} of 2"
        row.wrong += [] if sum(refused) == 1 else [f"they printed: {texts}"]
        _wait_for_end(scene, row, since, before, None)
    return row.row()


def _while_down(scene: Scene, before: Picture) -> Row:
    since = time.time()
    with watched(scene, "drill of gcp", "azure is down") as row:
        clouds.outage(scene.settings, "azure")
        _, row.wrong = ends.wait_for(partial(ends.after_outage, scene, ["azure"], since))
        text = _end(_begin(scene, "gcp"))
        row.done = text.splitlines()[-2] if text.count("\n") > 1 else text
        row.wrong += [] if REFUSED in text else [f"it printed: {text}"]
        clouds.restore(scene.settings, "azure")
        _wait_for_end(scene, row, since, before, "azure")
    return row.row()


def _wait_for_end(scene: Scene, row: watched, since: float, before: Picture, cloud: Cloud | None) -> None:
    """Wait for the state before the drill, with an incident or (a disturbance too short to be detected) without."""
    known = [incident.target.cloud for incident in scene.incidents.all(MODEL) if incident.opened_at >= since - 2]
    wrong = row.wrong
    look = (
        partial(ends.after_recovery, scene, known[:1], since, before)
        if known
        else partial(ends.as_before, scene, before)
    )
    row.wait_for(look)
    row.wrong = [*wrong, *row.wrong]
    if cloud is not None and known not in ([], [cloud]):
        row.wrong.append(f"incidents of {known}")


def _begin(scene: Scene, cloud: Cloud) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [INTERMODAL, "drill", "outage", cloud, "--seconds", str(SECONDS)],
        env={**os.environ, **scene.installation.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(command: subprocess.Popen[str]) -> str:
    return command.communicate(timeout=300)[0].strip()


def _ui(scene: Scene) -> str:
    return f"http://127.0.0.1:{scene.settings.ports.ui}"
