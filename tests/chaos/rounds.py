"""A cloud dies, and while the platform reacts, a part of the platform dies too; the same while the cloud comes back."""

import time
from collections.abc import Iterator
from functools import partial

from intermodal.platform.clouds import CLOUDS, Cloud
from intermodal.sandbox import clouds
from tests.chaos import ends, kills
from tests.chaos.picture import Picture, picture
from tests.chaos.report import Row
from tests.chaos.scene import Scene, out


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
        row.settle(partial(ends.after_outage, at, cloud, since))
    yield row.row()
    with watched(at, f"{name} back", victims[1]) as row:
        clouds.restore(at.settings, cloud)
        row.done = kills.strike(at, victims[1], "recover")
        row.settle(partial(ends.after_recovery, at, cloud, since, before))
        if twice := ends.told_twice(at, since):
            row.remark = f"people were told twice of {twice}"
    yield row.row()


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
