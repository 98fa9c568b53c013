"""A cloud dies while something that others rely on is gone too: Prometheus, MLflow, another cloud's object store."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from intermodal.platform.targets import Cloud
from intermodal.sandbox import clouds
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.local import monitoring, services
from intermodal.sandbox.processes import Programs
from tests.chaos import ends
from tests.chaos.log import asked, missing
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.rounds import watched
from tests.chaos.scene import Scene, out
from tests.targets import CLOUDS


def blind(at: Scene, _: int) -> Iterator[Row]:
    """Prometheus, then MLflow, killed before an outage and away until the recovery is over."""
    before = picture(at)
    for name in ("prometheus", "mlflow"):
        if name == "prometheus" and not monitoring.program(name):
            out.print("  prometheus is not installed here: left out")
            continue
        Programs(at.settings.home).stop(name, kill=True)
        yield from _out_and_back(at, f"without {name}", before)
        _start(at, name)


def storage(at: Scene, _: int) -> Iterator[Row]:
    """A cloud's object store answers 500s while another cloud dies: once it is that one's heir, and once it is not.

    What is asked meanwhile must be in the prediction log when the fault has ended.
    """
    before = picture(at)
    pairs: list[tuple[Cloud, Cloud]] = [("aws", "azure"), ("aws", "gcp")]
    for dead, faulty in pairs:
        clouds.inject(at.settings, faulty, Faults(error_rate=1.0, scope="storage"))
        since = time.time()
        with watched(at, f"{dead} out, {faulty}'s store errs", "") as row:
            clouds.outage(at.settings, dead)
            row.settle(partial(ends.after_outage, at, [dead], since, unable=[faulty]))
            ids = asked(at, f"{dead}-{faulty}", 300)
            row.done = f"{len(ids)} requests to look for"
            clouds.inject(at.settings, faulty, Faults())
            lost = missing(at, ids, [cloud for cloud in CLOUDS if cloud != dead])
            row.wrong = [*row.wrong, *([f"{len(lost)} of {len(ids)} are not in the log"] if lost else [])]
        yield row.row()
        with watched(at, f"{dead} back", "") as row:
            clouds.restore(at.settings, dead)
            row.settle(partial(ends.after_recovery, at, [dead], since, before))
        yield row.row()


def _out_and_back(at: Scene, name: str, before: Picture) -> Iterator[Row]:
    cloud, since = at.dice.choice(CLOUDS), time.time()
    steps: list[tuple[str, Callable[[], object], Callable[[], list[str]]]] = [
        ("out", partial(clouds.outage, at.settings, cloud), partial(ends.after_outage, at, [cloud], since)),
        ("back", partial(clouds.restore, at.settings, cloud), partial(ends.after_recovery, at, [cloud], since, before)),
    ]
    for what, act, look in steps:
        with watched(at, f"{cloud} {what}", name) as row:
            act()
            row.settle(look)
        yield row.row()


def _start(at: Scene, name: str) -> None:
    known = [*services.services(at.settings), *monitoring.services(at.settings, at.environ)]
    service = next(one for one in known if one.name == name)
    services.start(at.settings, service, at.environ)
    services.wait(at.settings, service)
