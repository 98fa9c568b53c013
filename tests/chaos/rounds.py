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


def killed(at: Scene, rounds: int) -> Iterator[Row]:
    before = picture(at)
    for number in range(rounds):
        cloud = at.dice.choice(CLOUDS)
        victims = [at.dice.choice(kills.VICTIMS) for _ in range(2)]
        yield from one(at, f"{number + 1} {cloud}", cloud, before, victims)


def one(at: Scene, name: str, cloud: Cloud, before: Picture, victims: list[kills.Victim]) -> Iterator[Row]:
    """Outage and restore with a kill in each."""
    since = time.time()
    with watched(at, f"{name} out", victims[0]) as row:
        clouds.outage(at.settings, cloud)
        row.done = kills.strike(at, victims[0], "failover")
        row.settle(partial(ends.after_outage, at, [cloud], since))
    yield row.row()
    with watched(at, f"{name} back", victims[1]) as row:
        clouds.restore(at.settings, cloud)
        row.done = kills.strike(at, victims[1], "recover")
        row.settle(partial(ends.after_recovery, at, [cloud], since, before))
        if twice := ends.told_twice(at, since):
            row.remark = f"people were told twice of {twice}"
    yield row.row()


def two(at: Scene, rounds: int) -> Iterator[Row]:
    """Two clouds die, the second at a random moment of the first one's failover; they come back in another order."""
    before = picture(at)
    for number in range(rounds):
        dead = at.dice.sample(CLOUDS, 2)
        since, wait = time.time(), [at.dice.uniform(0, kills.LATEST_SECONDS) for _ in dead]
        with watched(at, f"{number + 1} {dead[0]}, {dead[1]} out", "") as row:
            _both(at, clouds.outage, dead, wait[0])
            row.done = f"the second {wait[0]:.1f} s later"
            row.settle(partial(ends.after_outage, at, dead, since))
        yield row.row()
        back = at.dice.sample(dead, 2)
        with watched(at, f"{number + 1} {back[0]}, {back[1]} back", "") as row:
            _both(at, clouds.restore, back, wait[1])
            row.done = f"the second {wait[1]:.1f} s later"
            row.settle(partial(ends.after_recovery, at, dead, since, before))
        yield row.row()


def _both(at: Scene, act: Callable[[Settings, Cloud], object], order: list[Cloud], wait: float) -> None:
    act(at.settings, order[0])
    time.sleep(wait)
    act(at.settings, order[1])


class watched:
    """Counts the callers' requests of a step, and says how it went as soon as it has ended."""

    def __init__(self, at: Scene, name: str, what: str) -> None:
        self.at, self.name, self.what = at, name, what
        self.done, self.seconds, self.remark, self.wrong = "", 0.0, "", list[str]()

    def __enter__(self) -> "watched":
        self.began = len(self.at.callers.sent)
        return self

    def settle(self, look: object) -> None:
        self.seconds, self.wrong = ends.settled(look)  # type: ignore[arg-type]

    def __exit__(self, *_: object) -> None:
        self.ended = len(self.at.callers.sent)

    def row(self) -> Row:
        sent = self.at.callers.sent[self.began : self.ended]
        failed = [one for one in sent if one.status != 200]
        found = Row(f"{self.name}, {self.what}", self.done, self.seconds, len(sent), failed, self.wrong, self.remark)
        out.print(
            f"  {time.strftime('%H:%M:%S')} {found.what}: {found.done}; settled after {found.seconds:.0f} s; "
            f"{len(failed)} of {found.requests} requests failed; {found.verdict}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return found
