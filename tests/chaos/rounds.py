"""A cloud dies, and while the platform reacts, a part of the platform dies too; the same while the cloud comes back."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from intermodal.platform.targets import Cloud
from intermodal.sandbox import clouds
from intermodal.sandbox.settings import Settings
from tests.chaos import ends, kills
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.scene import Scene, out
from tests.targets import CLOUDS


def killed(scene: Scene, rounds: int) -> Iterator[Row]:
    before = picture(scene)
    for number in range(rounds):
        cloud = scene.dice.choice(CLOUDS)
        victims = [scene.dice.choice(kills.VICTIMS) for _ in range(2)]
        yield from single(scene, f"{number + 1} {cloud}", cloud, before, victims)


def single(scene: Scene, name: str, cloud: Cloud, before: Picture, victims: list[kills.Victim]) -> Iterator[Row]:
    """Outage and restore with a kill in each."""
    since = time.time()
    with watched(scene, f"{name} out", victims[0]) as row:
        clouds.outage(scene.settings, cloud)
        row.done = kills.strike(scene, victims[0], "failover")
        row.wait_for(partial(ends.after_outage, scene, [cloud], since))
    yield row.row()
    with watched(scene, f"{name} back", victims[1]) as row:
        clouds.restore(scene.settings, cloud)
        row.done = kills.strike(scene, victims[1], "recover")
        row.wait_for(partial(ends.after_recovery, scene, [cloud], since, before))
        if twice := ends.notified_twice(scene, since):
            row.remark = f"people were notified twice of {twice}"
    yield row.row()


def two(scene: Scene, rounds: int) -> Iterator[Row]:
    """Two clouds die, the second at a random moment of the first one's failover; they come back in another order."""
    before = picture(scene)
    for number in range(rounds):
        dead = scene.dice.sample(CLOUDS, 2)
        since, wait = time.time(), [scene.dice.uniform(0, kills.LATEST_SECONDS) for _ in dead]
        with watched(scene, f"{number + 1} {dead[0]}, {dead[1]} out", "") as row:
            _both(scene, clouds.outage, dead, wait[0])
            row.done = f"the second {wait[0]:.1f} s later"
            row.wait_for(partial(ends.after_outage, scene, dead, since))
        yield row.row()
        back = scene.dice.sample(dead, 2)
        with watched(scene, f"{number + 1} {back[0]}, {back[1]} back", "") as row:
            _both(scene, clouds.restore, back, wait[1])
            row.done = f"the second {wait[1]:.1f} s later"
            row.wait_for(partial(ends.after_recovery, scene, dead, since, before))
        yield row.row()


def _both(scene: Scene, act: Callable[[Settings, Cloud], object], order: list[Cloud], wait: float) -> None:
    act(scene.settings, order[0])
    time.sleep(wait)
    act(scene.settings, order[1])


class watched:
    """Counts the callers' requests of a step and prints its outcome when it has ended."""

    def __init__(self, scene: Scene, name: str, what: str) -> None:
        self.scene, self.name, self.what = scene, name, what
        self.done, self.seconds, self.remark, self.wrong = "", 0.0, "", list[str]()

    def __enter__(self) -> "watched":
        self.began = len(self.scene.callers.sent)
        return self

    def wait_for(self, look: object) -> None:
        self.seconds, self.wrong = ends.wait_for(look)  # type: ignore[arg-type]

    def __exit__(self, *_: object) -> None:
        self.ended = len(self.scene.callers.sent)

    def row(self) -> Row:
        sent = self.scene.callers.sent[self.began : self.ended]
        failed = [request for request in sent if request.status != 200]
        found = Row(f"{self.name}, {self.what}", self.done, self.seconds, len(sent), failed, self.wrong, self.remark)
        out.print(
            f"  {time.strftime('%H:%M:%S')} {found.what}: {found.done}; as expected after {found.seconds:.0f} s; "
            f"{len(failed)} of {found.requests} requests failed; {found.verdict}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return found
