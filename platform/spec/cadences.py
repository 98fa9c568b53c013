"""How partitions of time follow each other: hours, days, weeks and months, in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

CadenceName = Literal["hourly", "daily", "weekly", "monthly"]


@dataclass(frozen=True)
class Cadence:
    """``unit`` is one partition in words. ``written`` is the format of a start in a spec, ``key`` that of Dagster's
    keys; both sort as the time does. ``longest`` is the longest partition, ``due`` how long after its end its rows are
    due: some time after the schedule has made them (assets/partitions.py)."""

    name: CadenceName
    unit: str
    written: str
    key: str
    example: str
    longest: timedelta
    due: timedelta

    @property
    def stale_after(self) -> timedelta:
        """Allowed age of data since the end of its newest partition: the longest one, and half as much again as the
        time until rows are due."""
        return self.longest + 1.5 * self.due

    def key_of(self, text: str) -> str:
        """The key of a partition as a spec writes it. ValueError says how to write it."""
        try:
            moment = datetime.strptime(text, self.written).replace(tzinfo=UTC)
        except ValueError:
            moment = None
        if moment is None or moment.strftime(self.written) != text or not 1900 <= moment.year < 2100:
            raise ValueError(f"'{text}' is not {_article(self.unit)}: write it as {self.example}, in quotes")
        if (known := self.key_at(moment)) != moment.strftime(self.key):
            raise ValueError(f"'{text}' is no Monday, and weeks begin on Mondays: write {known}, in quotes")
        return known

    def begin(self, key: str) -> datetime:
        """When a partition begins. ValueError if the text is no key."""
        return datetime.fromisoformat(f"{key[:10]}T{key[11:]}" if self.name == "hourly" else key).replace(tzinfo=UTC)

    def is_key(self, text: str) -> bool:
        """Whether a partition has this key: others are of a spec that was divided otherwise."""
        try:
            return self.key_at(self.begin(text)) == text
        except ValueError:
            return False

    def end(self, key: str) -> datetime:
        """When a partition has ended, which is when the next one begins."""
        return self.begin(self.shift(key, 1))

    def key_at(self, moment: datetime) -> str:
        """The partition that a moment (UTC) is in."""
        if self.name == "monthly":
            moment = moment.replace(day=1)
        elif self.name == "weekly":
            moment -= timedelta(days=moment.weekday())
        return moment.strftime(self.key)

    def shift(self, key: str, by: int) -> str:
        """The partition that many partitions later, or earlier if negative. ValueError if the text is no key."""
        begin = self.begin(key)
        if self.name != "monthly":
            return (begin + by * self.longest).strftime(self.key)
        months = begin.year * 12 + begin.month - 1 + by
        return f"{months // 12:04d}-{months % 12 + 1:02d}-01"

    def name_of(self, key: str) -> str:
        """``2020-01`` of the month ``2020-01-01``; others are named by their key."""
        return key[:7] if self.name == "monthly" else key


def _article(unit: str) -> str:
    return f"an {unit}" if unit == "hour" else f"a {unit}"


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CADENCES: Mapping[CadenceName, Cadence] = {
    each.name: each
    for each in (
        Cadence("hourly", "hour", "%Y-%m-%d-%H:00", "%Y-%m-%d-%H:00", "2013-01-31-13:00", HOUR, HOUR),
        Cadence("daily", "day", "%Y-%m-%d", "%Y-%m-%d", "2013-01-31", DAY, DAY / 2),
        Cadence("weekly", "week", "%Y-%m-%d", "%Y-%m-%d", "2013-01-07, the Monday it begins with", 7 * DAY, 2 * DAY),
        Cadence("monthly", "month", "%Y-%m", "%Y-%m-%d", "2013-01", 31 * DAY, 2 * DAY),
    )
}
