"""Drills that are killed, interrupted, doubled, or begun when they must not."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial

from intermodal.platform.targets import Cloud
from intermodal.resources import dagster_client as asked
from intermodal.sandbox import clouds
from tests.bench.installation import INTERMODAL
from tests.chaos import ends, runs
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.rounds import watched
from tests.chaos.scene import MODEL, Scene

SECONDS = 20
REFUSED = "An incident or another drill is active."


def drills(at: Scene, _: int) -> Iterator[Row]:
    before = picture(at)
    yield _interrupted(at, before)
    yield _run_killed(at, before)
    yield _two(at, before)
    yield _while_down(at, before)


def _run_killed(at: Scene, before: Picture) -> Row:
    """The run's process is killed when the disturbance is on: the sensor ``drills`` ends it after its time."""
    since = time.time()
    with watched(at, "drill of gcp", "run killed") as row:
        config = {"kind": "outage", "target": "gcp", "seconds": SECONDS}
        run = asked.launch(_ui(at), f"drill_{MODEL}", config={"ops": {f"{MODEL}__drill": {"config": config}}})
        row.wrong += [] if runs.until(at.gateway.disturbances, 60) else ["it never began"]
        process = runs.process_of(at, run)
        if process is not None:
            process.kill()
        killed = time.monotonic()
        row.wrong += [] if at.gateway.disturbances() else ["it was over before the kill"]
        row.wrong += [] if runs.until(lambda: not at.gateway.disturbances(), 300) else ["the disturbance stays"]
        row.done = f"killed; the disturbance ended {time.monotonic() - killed:.0f} s later"
        _settle(at, row, since, before, "gcp")
    return row.row()


def _interrupted(at: Scene, before: Picture) -> Row:
    """Ctrl-C at ``intermodal drill``."""
    since = time.time()
    with watched(at, "drill of aws", "Ctrl-C") as row:
        command = _begin(at, "aws")
        row.wrong += [] if runs.until(at.gateway.disturbances, 60) else ["it never began"]
        command.send_signal(signal.SIGINT)
        began = time.monotonic()
        # Well before its time is over, or nothing was interrupted.
        row.wrong += [] if runs.until(lambda: not at.gateway.disturbances(), SECONDS / 2) else ["it goes on"]
        text = _end(command)
        row.done = f"disturbance ended {time.monotonic() - began:.1f} s after it; said '{text.splitlines()[-1:]}'"
        _settle(at, row, since, before, "aws")
    return row.row()


def _two(at: Scene, before: Picture) -> Row:
    """Two at the same time: one goes on, the other says why it does not."""
    since = time.time()
    with watched(at, "drills of aws and gcp", "at once") as row:
        commands = [_begin(at, "aws"), _begin(at, "gcp")]
        texts = [_end(command) for command in commands]
        refused = [REFUSED in text for text in texts]
        row.done = f"refused: {sum(refused)} of 2"
        row.wrong += [] if sum(refused) == 1 else [f"they said: {texts}"]
        _settle(at, row, since, before, None)
    return row.row()


def _while_down(at: Scene, before: Picture) -> Row:
    since = time.time()
    with watched(at, "drill of gcp", "azure is down") as row:
        clouds.outage(at.settings, "azure")
        _, row.wrong = ends.settled(partial(ends.after_outage, at, ["azure"], since))
        text = _end(_begin(at, "gcp"))
        row.done = text.splitlines()[-2] if text.count("\n") > 1 else text
        row.wrong += [] if REFUSED in text else [f"it said: {text}"]
        clouds.restore(at.settings, "azure")
        _settle(at, row, since, before, "azure")
    return row.row()


def _settle(at: Scene, row: watched, since: float, before: Picture, cloud: Cloud | None) -> None:
    """As before, with an incident or (the disturbance was too short to be seen) without."""
    known = [one.target.cloud for one in at.incidents.all(MODEL) if one.opened_at >= since - 2]
    wrong = row.wrong
    look = partial(ends.after_recovery, at, known[:1], since, before) if known else partial(ends.as_before, at, before)
    row.settle(look)
    row.wrong = [*wrong, *row.wrong]
    if cloud is not None and known not in ([], [cloud]):
        row.wrong.append(f"incidents of {known}")


def _begin(at: Scene, cloud: Cloud) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [INTERMODAL, "drill", "outage", cloud, "--seconds", str(SECONDS)],
        env={**os.environ, **at.installation.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end(command: subprocess.Popen[str]) -> str:
    return command.communicate(timeout=300)[0].strip()


def _ui(at: Scene) -> str:
    return f"http://127.0.0.1:{at.settings.ports.ui}"
