"""A cloud dies while a dependency is unavailable too: Prometheus, MLflow or another cloud's object store."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from intermodal.platform.targets import Cloud
from intermodal.sandbox import clouds
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.local import monitoring, services
from intermodal.sandbox.processes import Programs
from tests.chaos import ends
from tests.chaos.log import logged_requests, missing
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.rounds import watched
from tests.chaos.scene import Scene, out
from tests.targets import CLOUDS


def blind(scene: Scene, _: int) -> Iterator[Row]:
    """Prometheus, then MLflow, killed before an outage and unavailable until the recovery is over."""
    before = picture(scene)
    for name in ("prometheus", "mlflow"):
        if name == "prometheus" and not monitoring.program(name):
            out.print("  prometheus is not installed here: left out")
            continue
        Programs(scene.settings.home).stop(name, kill=True)
        yield from _out_and_back(scene, f"without {name}", before)
        _start(scene, name)


def storage(scene: Scene, _: int) -> Iterator[Row]:
    """A cloud's object store returns 500 while another cloud dies: once it is its successor, and once it is not.

    Requests made meanwhile must be in the prediction log when the fault has ended.
    """
    before = picture(scene)
    pairs: list[tuple[Cloud, Cloud]] = [("aws", "azure"), ("aws", "gcp")]
    for dead, faulty in pairs:
        clouds.inject(scene.settings, faulty, Faults(error_rate=1.0, scope="storage"))
        since = time.time()
        with watched(scene, f"{dead} out, {faulty}'s store errs", "") as row:
            clouds.outage(scene.settings, dead)
            row.wait_for(partial(ends.after_outage, scene, [dead], since, exhausted=[faulty]))
            ids = logged_requests(scene, f"{dead}-{faulty}", 300)
            row.done = f"{len(ids)} requests to look for"
            clouds.inject(scene.settings, faulty, Faults())
            lost = missing(scene, ids, [cloud for cloud in CLOUDS if cloud != dead])
            row.wrong = [*row.wrong, *([f"{len(lost)} of {len(ids)} are not in the log"] if lost else [])]
        yield row.row()
        with watched(scene, f"{dead} back", "") as row:
            clouds.restore(scene.settings, dead)
            row.wait_for(partial(ends.after_recovery, scene, [dead], since, before))
        yield row.row()


def _out_and_back(scene: Scene, name: str, before: Picture) -> Iterator[Row]:
    cloud, since = scene.dice.choice(CLOUDS), time.time()
    steps: list[tuple[str, Callable[[], object], Callable[[], list[str]]]] = [
        ("out", partial(clouds.outage, scene.settings, cloud), partial(ends.after_outage, scene, [cloud], since)),
        (
            "back",
            partial(clouds.restore, scene.settings, cloud),
            partial(ends.after_recovery, scene, [cloud], since, before),
        ),
    ]
    for what, act, look in steps:
        with watched(scene, f"{cloud} {what}", name) as row:
            act()
            row.wait_for(look)
        yield row.row()


def _start(scene: Scene, name: str) -> None:
    known = [*services.services(scene.settings), *monitoring.services(scene.settings, scene.environ)]
    service = next(service for service in known if service.name == name)
    services.start(scene.settings, service, scene.environ)
    services.wait(scene.settings, service)
